"""From any picture file to upright 8-bit sRGB pixels.

Knows formats, orientation, colour profiles, transparency and the limits that keep a hostile file
from costing memory. Refuses to know what the picture shows.
"""

from __future__ import annotations

import hashlib
import io
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from mien.models.enrolment.errors import EnrolmentError

U8 = NDArray[np.uint8]

MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_PIXELS = 8192 * 8192
MIN_SIDE_PX = 256
BACKDROP_GREY = 128  # what shows through transparency

# These would start other programs (Ghostscript) or are not pictures of the file's own.
_REFUSED_FORMATS = frozenset({"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG"})


@dataclass(frozen=True)
class LoadedImage:
    """A decoded picture, upright, sRGB."""

    rgb: U8  # [H, W, 3], transparency already over neutral grey
    alpha: U8 | None  # [H, W], None when the picture is opaque
    source_width_px: int  # as stored, before orientation
    source_height_px: int
    sha256: str  # of the file's bytes, hex


def load_image(source: Path | str | bytes) -> LoadedImage:
    """Decode a picture. Raises EnrolmentError('bad_image' | 'too_large')."""
    data = source if isinstance(source, bytes) else _read_file(Path(source))
    if len(data) > MAX_FILE_BYTES:
        raise _file_too_large(len(data))
    image = _open(data)
    _check_size(image.width, image.height)
    source_width_px, source_height_px = image.size
    try:
        image.load()
        _check_size(image.width, image.height)  # some containers only tell while decoding
        rgb, alpha = _to_srgb(image)
        orientation = _orientation(image)
    except EnrolmentError:
        raise
    except Exception as error:  # decoders raise almost anything on damaged bytes
        raise EnrolmentError(
            "bad_image",
            f"The picture is damaged or incomplete ({image.format}): {error}. "
            "Open it in an image editor and save it again as PNG.",
        ) from error
    return LoadedImage(
        _upright(rgb, orientation),
        None if alpha is None else _upright(alpha, orientation),
        source_width_px,
        source_height_px,
        hashlib.sha256(data).hexdigest(),
    )


def _read_file(path: Path) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise EnrolmentError("bad_image", f"{path} is not a picture file.")
        if status.st_size > MAX_FILE_BYTES:
            raise _file_too_large(status.st_size)
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise EnrolmentError("bad_image", f"{path} cannot be read: {reason}.") from error


def _open(data: bytes) -> Image.Image:
    """Read the header only; no pixel is decoded here."""
    Image.init()
    formats = [name for name in Image.ID if name not in _REFUSED_FORMATS]
    try:
        return Image.open(io.BytesIO(data), formats=formats)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise EnrolmentError("too_large", f"The picture is too large. {_CAP_ADVICE}") from error
    except Exception as error:  # as above: header parsers raise almost anything
        raise EnrolmentError(
            "bad_image",
            "This file is not a picture that mien can read. Use PNG, JPEG, WebP or TIFF.",
        ) from error


_CAP_ADVICE = f"At most {MAX_PIXELS // 1_000_000} million pixels (8192 × 8192): scale it down."


def _check_size(width_px: int, height_px: int) -> None:
    if width_px * height_px > MAX_PIXELS:
        raise EnrolmentError(
            "too_large", f"The picture has {width_px} × {height_px} pixels. {_CAP_ADVICE}"
        )
    if min(width_px, height_px) < MIN_SIDE_PX:
        raise EnrolmentError(
            "bad_image",
            f"The picture has {width_px} × {height_px} pixels; each side needs at least "
            f"{MIN_SIDE_PX}. Use a larger original.",
        )


def _file_too_large(size_bytes: int) -> EnrolmentError:
    return EnrolmentError(
        "too_large",
        f"The picture file has {size_bytes / 1e6:.0f} MB; at most {MAX_FILE_BYTES // 2**20} MiB. "
        "Save it smaller or as JPEG.",
    )


def _to_srgb(image: Image.Image) -> tuple[U8, U8 | None]:
    """Any Pillow mode to 8-bit RGB and alpha."""
    if image.mode == "F" or image.mode.startswith("I"):
        image = Image.fromarray(_deep_to_8_bit(np.asarray(image)))
    alpha = _alpha(image)
    rgb = np.array(_colour(image))
    if alpha is None:
        return rgb, None
    weight = alpha[..., None].astype(np.uint16)
    over = rgb * weight + np.uint16(BACKDROP_GREY) * (255 - weight) + 127
    return (over // 255).astype(np.uint8), alpha


def _deep_to_8_bit(values: NDArray[np.generic]) -> U8:
    """16-bit, 32-bit or float greys to 8 bit by the smallest customary range that holds them."""
    deep = np.nan_to_num(values.astype(np.float32))
    top = float(deep.max(initial=0.0))
    if values.dtype.kind == "f":
        white = 1.0 if top <= 1.0 else 255.0 if top <= 255.0 else top
    elif values.dtype.itemsize == 2:
        white = 65535.0
    else:
        white = 255.0 if top <= 255.0 else 65535.0 if top <= 65535.0 else top
    return np.clip(deep * (255.0 / white) + 0.5, 0, 255).astype(np.uint8)


def _alpha(image: Image.Image) -> U8 | None:
    if not image.has_transparency_data:
        return None
    alpha = np.array(image.convert("RGBA").getchannel("A"))
    return None if int(alpha.min()) == 255 else alpha


def _colour(image: Image.Image) -> Image.Image:
    """RGB in sRGB, through the picture's own profile where it has a usable one."""
    profile = image.info.get("icc_profile")
    if image.mode == "LAB":
        lab = ImageCms.createProfile("LAB")  # type: ignore[no-untyped-call, unused-ignore]
        return _through_profile(image, lab)
    if image.mode in ("P", "PA", "LA", "La", "RGBA", "RGBa", "RGBX", "1"):
        image = image.convert("RGBA").convert("RGB") if image.mode != "1" else image.convert("L")
    if not profile:
        return image.convert("RGB")
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return _through_profile(image, own)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image.convert("RGB")  # a broken or mismatched profile is worse than none


def _through_profile(image: Image.Image, profile: object) -> Image.Image:
    srgb = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(
        image,
        profile,  # type: ignore[arg-type]
        srgb,
        outputMode="RGB",
    )
    if converted is None:
        raise ValueError("no conversion")
    return converted


def _orientation(image: Image.Image) -> int:
    # After load(): TIFF turns itself upright and drops the tag.
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # unreadable EXIF says nothing about the pixels
        return 1


def _upright(pixels: U8, orientation: int) -> U8:
    """EXIF 2.32, table 6: the eight orientations."""
    turns: dict[int, Callable[[U8], U8]] = {
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.swapaxes(0, 1),
        6: lambda p: np.rot90(p, -1),
        7: lambda p: np.rot90(p, 2).swapaxes(0, 1),
        8: lambda p: np.rot90(p),
    }
    turn = turns.get(orientation)
    return pixels if turn is None else np.ascontiguousarray(turn(pixels))


def thumbnail_png(rgb: U8, size_px: int) -> bytes:
    """A small square PNG of `rgb`, for lists and previews."""
    small = ImageOps.fit(Image.fromarray(rgb), (size_px, size_px), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "PNG")
    return buffer.getvalue()
