"""Any picture that an artist may hand over is read; anything else is refused before it costs."""

from __future__ import annotations

import io
import os
import struct
import time
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from mien.models.enrolment.errors import EnrolmentError
from mien.models.enrolment.image import load_image, thumbnail_png


def gradient(width=320, height=280):
    """Every corner has its own colour, so that any turn shows."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return np.dstack([x, y, 255 - x]).astype(np.uint8)


PIXELS = gradient()


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def refusal(data):
    with pytest.raises(EnrolmentError) as caught:
        load_image(data)
    assert len(caught.value.message) > 20
    return caught.value


def assert_close(actual, wanted, tolerance):
    assert actual.shape == wanted.shape
    assert np.abs(actual.astype(int) - wanted.astype(int)).mean() <= tolerance


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("BMP", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("JPEG", {"quality": 95}, 3),
        ("GIF", {}, 12),
        ("TGA", {}, 0),
    ],
)
def test_common_formats_are_read(kind, options, tolerance):
    picture = load_image(encoded(Image.fromarray(PIXELS), kind, **options))
    assert_close(picture.rgb, PIXELS, tolerance)
    assert picture.alpha is None
    assert (picture.source_width_px, picture.source_height_px) == (320, 280)


def test_a_path_and_its_bytes_give_the_same(tmp_path):
    path = tmp_path / "portrait.png"
    path.write_bytes(encoded(Image.fromarray(PIXELS)))
    by_path, by_bytes = load_image(path), load_image(path.read_bytes())
    np.testing.assert_array_equal(by_path.rgb, by_bytes.rgb)
    assert by_path.sha256 == by_bytes.sha256


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_undone(kind, orientation):
    undone = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: np.rot90(p, 2),
        4: lambda p: p[::-1],
        5: lambda p: p.transpose(1, 0, 2),
        6: lambda p: np.rot90(p),
        7: lambda p: np.rot90(p, 2).transpose(1, 0, 2),
        8: lambda p: np.rot90(p, -1),
    }
    stored = np.ascontiguousarray(undone[orientation](PIXELS))  # as the camera was held
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    picture = load_image(encoded(Image.fromarray(stored), kind, exif=exif, **options))
    assert_close(picture.rgb, PIXELS, 3)


def test_alpha_is_kept_and_turned_with_the_picture():
    alpha = np.zeros(PIXELS.shape[:2], np.uint8)
    alpha[:100, :50] = 255
    exif = Image.Exif()
    exif[0x0112] = 3
    stored = np.dstack([PIXELS, alpha])[::-1, ::-1]
    picture = load_image(encoded(Image.fromarray(np.ascontiguousarray(stored)), exif=exif))
    np.testing.assert_array_equal(picture.alpha, alpha)


def test_transparency_lies_over_neutral_grey():
    alpha = np.full(PIXELS.shape[:2], 255, np.uint8)
    alpha[:50], alpha[50:100] = 0, 128
    picture = load_image(encoded(Image.fromarray(np.dstack([PIXELS, alpha]))))
    assert (picture.rgb[:50] == 128).all()
    half = (PIXELS[50:100].astype(int) * 128 + 128 * 127) / 255
    assert np.abs(picture.rgb[50:100] - half).max() <= 1
    np.testing.assert_array_equal(picture.rgb[100:], PIXELS[100:])


def test_an_opaque_alpha_channel_is_no_alpha():
    opaque = np.dstack([PIXELS, np.full(PIXELS.shape[:2], 255, np.uint8)])
    assert load_image(encoded(Image.fromarray(opaque))).alpha is None


def test_a_transparent_palette_colour_is_alpha():
    image = Image.fromarray(PIXELS).quantize(16)
    picture = load_image(encoded(image, transparency=0))
    assert picture.alpha is not None
    assert set(np.unique(picture.alpha)) == {0, 255}


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr", "HSV", "LAB", "RGBA", "LA"])
def test_any_colour_mode_becomes_rgb(mode):
    image = Image.fromarray(PIXELS).convert("RGB")
    if mode == "LAB":
        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        image = ImageCms.profileToProfile(image, *profiles, outputMode="LAB")
    else:
        image = image.convert(mode)
    picture = load_image(
        encoded(image, "TIFF" if mode not in ("HSV", "P") else "PNG")
        if mode != "HSV"
        else encoded(image.convert("RGB"))
    )
    assert picture.rgb.shape == (280, 320, 3)
    assert picture.rgb.dtype == np.uint8
    if mode in ("YCbCr", "LAB", "RGBA"):
        assert_close(picture.rgb, PIXELS, 3)


def test_a_cmyk_jpeg_keeps_its_colours():
    data = encoded(Image.fromarray(PIXELS).convert("CMYK"), "JPEG", quality=95)
    assert_close(load_image(data).rgb, PIXELS, 6)


def test_sixteen_bit_grey_keeps_its_tones():
    deep = PIXELS[..., 0].astype(np.uint16) * 257
    for kind in ("PNG", "TIFF"):
        picture = load_image(encoded(Image.fromarray(deep), kind))
        assert_close(picture.rgb[..., 0], PIXELS[..., 0], 1)
        assert (picture.rgb[..., 0] == picture.rgb[..., 2]).all()


def sixteen_bit_rgb_png():
    """Pillow cannot write one, so it is put together by hand."""
    rows = (PIXELS.astype(">u2") * 257).tobytes()
    stride = 320 * 6
    raw = b"".join(b"\0" + rows[i : i + stride] for i in range(0, len(rows), stride))

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", 320, 280, 16, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(raw)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_sixteen_bit_colour_keeps_its_tones():
    assert_close(load_image(sixteen_bit_rgb_png()).rgb, PIXELS, 1)


@pytest.mark.parametrize("white", [1.0, 255.0, 4000.0])
def test_float_pictures_are_scaled_to_their_range(white):
    values = (PIXELS[..., 0] / 255 * white).astype(np.float32)
    values[0, 0] = np.nan
    picture = load_image(encoded(Image.fromarray(values), "TIFF"))
    assert_close(picture.rgb[1:, :, 0], PIXELS[1:, :, 0], 1)


def test_an_animation_gives_its_first_frame():
    first, second = (Image.new("RGB", (300, 300), colour) for colour in ("red", "blue"))
    data = encoded(first, "GIF", save_all=True, append_images=[second])
    red, green, blue = load_image(data).rgb[150, 150]
    assert (red > 200, green < 40, blue < 40) == (True, True, True)


def swapped_profile():
    """A colour profile unlike sRGB: from a wide-gamut white point temperature."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB", 5000)).tobytes()


def test_a_colour_profile_that_does_not_fit_is_ignored():
    data = encoded(Image.fromarray(PIXELS), icc_profile=swapped_profile())
    np.testing.assert_array_equal(load_image(data).rgb, PIXELS)


def test_a_broken_colour_profile_is_ignored():
    data = encoded(Image.fromarray(PIXELS), icc_profile=b"no profile at all" * 20)
    np.testing.assert_array_equal(load_image(data).rgb, PIXELS)


def test_an_srgb_profile_changes_nothing():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert_close(load_image(encoded(Image.fromarray(PIXELS), icc_profile=profile)).rgb, PIXELS, 1)


def png_header(width, height):
    """A PNG that claims a size and holds next to nothing."""
    body = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    ihdr = struct.pack(">I", 13) + b"IHDR" + body + struct.pack(">I", zlib.crc32(b"IHDR" + body))
    squeezed = zlib.compress(bytes(1000))
    idat = struct.pack(">I", len(squeezed)) + b"IDAT" + squeezed
    return b"\x89PNG\r\n\x1a\n" + ihdr + idat + struct.pack(">I", zlib.crc32(b"IDAT" + squeezed))


@pytest.mark.parametrize(
    ("width", "height"), [(8193, 8192), (12_000, 8_000), (60_000, 60_000), (2**30, 2**30)]
)
def test_a_bomb_is_refused_by_its_header(width, height):
    began = time.perf_counter()
    error = refusal(png_header(width, height))
    assert error.code == "too_large"
    assert "8192" in error.message
    assert time.perf_counter() - began < 1.0


def test_eight_thousand_pixels_square_are_within_the_cap():
    # Refused for its missing pixels, not for its size.
    assert refusal(png_header(8192, 8192)).code == "bad_image"


def test_a_file_beyond_the_byte_cap_is_refused_unread(tmp_path):
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(10**12)
    assert refusal(path).code == "too_large"
    assert refusal(bytes(65 * 2**20)).code == "too_large"


@pytest.mark.parametrize("size", [(255, 600), (600, 255), (1, 1), (64, 64)])
def test_a_picture_below_256_px_is_refused_with_its_size(size):
    error = refusal(encoded(Image.new("RGB", size)))
    assert error.code == "bad_image"
    assert f"{size[0]} × {size[1]}" in error.message
    assert "256" in error.message


def test_256_px_are_enough():
    assert load_image(encoded(Image.new("RGB", (256, 256)))).rgb.shape == (256, 256, 3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_picture_cut_short_is_refused(kind, part):
    data = encoded(
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8)), kind
    )
    assert refusal(data[: int(len(data) * part)]).code == "bad_image"


@pytest.mark.parametrize(
    "data",
    [b"", b"\0" * 500, b"MZ not a picture", b"%PDF-1.7 text", b"<svg xmlns='x'/>", b"GIF89a"],
    ids=["empty", "zeros", "program", "pdf", "svg", "stump"],
)
def test_what_is_no_picture_is_refused(data):
    assert refusal(data).code == "bad_image"


def test_postscript_is_not_handed_to_another_program():
    data = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 400 400\n%%EndComments\nshowpage\n"
    assert refusal(data).code == "bad_image"


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_damaged_bytes_give_a_picture_or_a_refusal(data):
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "TIFF"]))
    original = bytearray(encoded(Image.fromarray(PIXELS), kind))
    for position in data.draw(st.lists(st.integers(0, len(original) - 1), min_size=1, max_size=8)):
        original[position] ^= data.draw(st.integers(1, 255))
    try:
        picture = load_image(bytes(original))
    except EnrolmentError as error:
        assert error.code in ("bad_image", "too_large")
        return
    assert picture.rgb.dtype == np.uint8


def test_a_missing_file_and_a_device_are_refused(tmp_path):
    assert refusal(tmp_path / "nothing.png").code == "bad_image"
    assert refusal(tmp_path).code == "bad_image"
    if os.name == "posix":
        assert refusal(os.devnull).code == "bad_image"


def test_a_thumbnail_is_a_small_square_png():
    data = thumbnail_png(gradient(512, 512), 128)
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size, image.mode) == ("PNG", (128, 128), "RGB")
