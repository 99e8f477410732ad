"""Sound files: what opens, what does not, and what is said then."""

from __future__ import annotations

import av
import numpy as np
import pytest
import soundfile

from mien.models.audio import AudioError, is_silent, level_dbfs, loudness_dbfs, read_audio

SECONDS = 0.6


def wave(rate_hz: int, channels: int = 1) -> np.ndarray:
    t = np.arange(round(rate_hz * SECONDS)) / rate_hz
    return np.repeat(0.5 * np.sin(2 * np.pi * 440 * t)[:, None], channels, axis=1)


def encode(path, codec: str, rate_hz: int = 48_000, video: bool = False) -> None:
    with av.open(str(path), "w") as out:
        picture = out.add_stream("mpeg4", rate=25) if video else None
        stream = out.add_stream(codec, rate=rate_hz)
        stream.layout = "mono"
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")
            out.mux(picture.encode(frame))
            out.mux(picture.encode(None))
        data = wave(rate_hz).astype(np.float32).T
        sound = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), "fltp", "mono")
        sound.sample_rate = rate_hz
        convert = av.AudioResampler(
            stream.format, stream.layout, rate_hz, stream.frame_size or None
        )
        for piece in [*convert.resample(sound), *convert.resample(None)]:
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("suffix", "rate_hz", "channels"),
    [
        (suffix, *form)
        for suffix in ("wav", "flac", "aiff")
        for form in ((8_000, 1), (44_100, 2), (96_000, 6))
    ]
    + [("ogg", 8_000, 1), ("ogg", 44_100, 2)],
)
def test_files_of_any_kind_become_mono_at_16_khz(tmp_path, suffix, rate_hz, channels):
    path = tmp_path / f"line.{suffix}"
    soundfile.write(path, wave(rate_hz, channels), rate_hz)
    sound = read_audio(path)
    assert sound.samples.dtype == np.float32
    assert sound.seconds == pytest.approx(SECONDS, abs=1e-3)
    assert (sound.source_rate_hz, sound.source_channels) == (rate_hz, channels)
    assert level_dbfs(sound.samples[800:-800]) > -12


@pytest.mark.parametrize(
    ("name", "codec", "video"),
    [("a.m4a", "aac", False), ("a.opus", "libopus", False), ("a.mp3", "libmp3lame", False),
     ("a.mp4", "aac", True), ("a.mkv", "libopus", True)],
)  # fmt: skip
def test_what_libsndfile_does_not_open_is_read_by_ffmpeg(tmp_path, name, codec, video):
    encode(tmp_path / name, codec, video=video)
    sound = read_audio(tmp_path / name)
    assert SECONDS - 0.05 < sound.seconds < SECONDS + 0.15
    assert -12 < level_dbfs(sound.samples[2000:-2000]) < -6


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "cut header", "no frames", "folder"])
def test_a_file_without_sound_says_so(tmp_path, kind):
    path = tmp_path / "line.wav"
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("I am not a sound. " * 50)
    elif kind == "cut header":
        soundfile.write(path, wave(16_000), 16_000)
        path.write_bytes(path.read_bytes()[:20])
    elif kind == "no frames":
        soundfile.write(path, wave(16_000)[:0], 16_000)
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(AudioError) as caught:
        read_audio(path)
    assert caught.value.code in ("not_found", "empty", "broken")
    assert "line.wav" in caught.value.message


def test_a_video_without_sound_says_so(tmp_path):
    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w") as out:
        picture = out.add_stream("mpeg4", rate=25)
        picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")
        out.mux(picture.encode(frame))
        out.mux(picture.encode(None))
    with pytest.raises(AudioError) as caught:
        read_audio(path)
    assert caught.value.code == "empty"


@pytest.mark.parametrize("keep", [0.3, 0.7, 0.95])
def test_a_file_cut_short_gives_its_sound_or_an_audio_error(tmp_path, keep):
    for name in ("line.flac", "line.wav"):
        path = tmp_path / name
        soundfile.write(path, wave(16_000), 16_000)
        data = path.read_bytes()
        path.write_bytes(data[: int(keep * len(data))])
        try:
            sound = read_audio(path)
        except AudioError as error:
            assert error.code == "broken"
        else:
            assert 0 < sound.seconds <= SECONDS


def test_a_file_that_is_too_long_is_refused_before_it_fills_the_memory(tmp_path):
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(16_000 * 4), 16_000)
    with pytest.raises(AudioError) as caught:
        read_audio(path, max_seconds=3)
    assert caught.value.code == "too_long"


def test_a_rate_beyond_reason_is_refused(tmp_path):
    path = tmp_path / "odd.wav"
    soundfile.write(path, wave(4_000), 4_000)
    with pytest.raises(AudioError) as caught:
        read_audio(path)
    assert caught.value.code == "bad_rate"


def test_a_file_of_nan_is_silence_and_is_reported(tmp_path):
    path = tmp_path / "nan.wav"
    soundfile.write(path, np.full(8_000, np.nan), 16_000, subtype="FLOAT")
    sound = read_audio(path)
    assert is_silent(sound.samples)
    assert sound.report.not_finite == 8_000


def test_loudness_leaves_pauses_out():
    line = wave(16_000)[:, 0].astype(np.float32)
    paused = np.concatenate([line, np.zeros(40_000, np.float32), line])
    assert loudness_dbfs(paused, 16_000) > level_dbfs(paused) + 3
    assert level_dbfs(line) == pytest.approx(-9.0, abs=0.2)
    assert level_dbfs(np.zeros(0, np.float32)) == level_dbfs(np.zeros(9, np.float32)) == -120.0
