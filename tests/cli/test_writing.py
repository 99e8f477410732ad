"""Sound and picture in files: the right colours, the right moments."""

import av
import numpy as np
import pytest
from PIL import Image

from mien.backend.render import Sound, VideoWriter, contact_sheet, spread
from mien.backend.render.contact_sheet import SheetTile, sheet_size

FRAME_US = 40_000


def plain(rgb, alpha=255, size=64):
    frame = np.empty((size, size, 4), np.uint8)
    frame[..., :3], frame[..., 3] = rgb, alpha
    return frame


def beep(at_s, seconds, rate_hz, channels=1):
    time_s = np.arange(int(seconds * rate_hz)) / rate_hz
    tone = np.sin(2 * np.pi * 440 * time_s) * (time_s >= at_s)
    return Sound(np.repeat(tone[:, None], channels, 1).astype(np.float32), rate_hz)


def write(path, frames, sound=None, step_us=FRAME_US):
    with VideoWriter(path, 64, 64, sound=sound) as video:
        for i, frame in enumerate(frames):
            video.write(frame, i * step_us)


def samples(path):
    with av.open(str(path)) as file:
        return np.concatenate([f.to_ndarray() for f in file.decode(audio=0)], 1)[0]


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000, 8_000, 192_000])
def test_a_tone_is_heard_when_it_should_be(tmp_path, rate_hz):
    path = tmp_path / "a.mp4"
    write(path, [plain((0, 0, 0))] * 25, beep(0.5, 1.0, rate_hz))
    with av.open(str(path)) as file:
        heard_hz = file.streams.audio[0].rate
        assert file.streams.audio[0].start_time == file.streams.video[0].start_time == 0
    onset_s = np.argmax(np.abs(samples(path)) > 0.3) / heard_hz
    assert onset_s == pytest.approx(0.5, abs=0.004)


def test_sound_ends_with_the_picture(tmp_path):
    path = tmp_path / "a.mp4"
    write(path, [plain((0, 0, 0))] * 10, beep(0.0, 3.0, 16_000))
    with av.open(str(path)) as file:
        sound = file.streams.audio[0]
        assert float(sound.duration * sound.time_base) == pytest.approx(0.4, abs=0.001)


def test_a_video_may_have_no_sound(tmp_path):
    path = tmp_path / "a.mp4"
    write(path, [plain((0, 0, 0))] * 3)
    with av.open(str(path)) as file:
        assert len(file.streams.audio) == 0
        assert len(list(file.decode(video=0))) == 3


def test_a_frame_that_never_came_leaves_its_time_to_the_one_before(tmp_path):
    path = tmp_path / "a.mp4"
    with VideoWriter(path, 64, 64) as video:
        for k in (0, 1, 4, 5):
            video.write(plain((0, 0, 0)), k * FRAME_US)
    with av.open(str(path)) as file:
        times = [frame.time for frame in file.decode(video=0)]
        assert times == pytest.approx([0, 0.04, 0.16, 0.2], abs=1e-4)
        assert float(file.duration / 1e6) == pytest.approx(0.24, abs=0.001)


@pytest.mark.parametrize("rgb", [(200, 40, 40), (40, 200, 40), (40, 40, 200), (128, 128, 128)])
def test_colours_survive_within_what_h264_can_do(tmp_path, rgb):
    path = tmp_path / "a.mp4"
    write(path, [plain(rgb)] * 5)
    with av.open(str(path)) as file:
        context = file.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc) == (1, 1, 1)
        assert context.color_range == 1
        frame = next(file.decode(video=0))
        seen = frame.to_ndarray(format="rgb24", src_colorspace="ITU709")
    assert np.abs(seen[32, 32].astype(int) - rgb).max() <= 4


def test_what_is_transparent_lies_over_the_background(tmp_path):
    path = tmp_path / "a.mp4"
    with VideoWriter(path, 64, 64, background=(0, 0, 0)) as video:
        for i in range(3):
            video.write(plain((200, 200, 200), alpha=128), i * FRAME_US)
    with av.open(str(path)) as file:
        seen = next(file.decode(video=0)).to_ndarray(format="rgb24")
    assert np.abs(seen[32, 32].astype(int) - 100).max() <= 4


def test_more_than_two_channels_are_mixed_to_one(tmp_path):
    path = tmp_path / "a.mp4"
    write(path, [plain((0, 0, 0))] * 5, beep(0.0, 0.2, 16_000, channels=6))
    with av.open(str(path)) as file:
        assert file.streams.audio[0].channels == 1


def test_sounds_are_laid_on_one_track_where_they_belong():
    first, second = beep(0.0, 0.1, 8_000), beep(0.0, 0.1, 8_000)
    track = Sound.laid_out([(200_000, first), (700_000, second)], 1.0, 8_000).samples[:, 0]
    loud = np.abs(track) > 0.1
    assert not loud[:1600].any() and loud[1600:2400].any()
    assert not loud[2400:5600].any() and loud[5600:6400].any()


@pytest.mark.parametrize(("count", "tiles"), [(1, 12), (5, 12), (12, 12), (100, 12), (25, 24)])
def test_tiles_are_spread_from_the_first_frame_to_the_last(count, tiles):
    chosen = spread(count, tiles)
    assert chosen == sorted(set(chosen))
    assert (chosen[0], chosen[-1]) == (0, count - 1)
    assert len(chosen) == min(count, tiles)


def test_a_contact_sheet_has_the_size_of_its_tiles_and_labels():
    tiles = [SheetTile(plain((255, 0, 0)), f"{i} s") for i in range(5)]
    sheet = contact_sheet(tiles, columns=3, tile_width=32)
    assert sheet.size == sheet_size(5, 3, 32, 32)
    assert isinstance(sheet, Image.Image)
    assert sheet.getpixel((6 + 16, 6 + 16)) == (255, 0, 0)


def test_a_label_is_written_under_its_tile():
    bare, labelled = (
        np.asarray(contact_sheet([SheetTile(plain((9, 9, 9)), text)], tile_width=64))
        for text in ("", "1.25 s")
    )
    assert np.array_equal(bare[:70], labelled[:70])
    assert (bare[70:] != labelled[70:]).any()


def test_a_contact_sheet_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([])
