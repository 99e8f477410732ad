"""PCM bytes to mono: formats, channels, cuts inside samples, and sound that is no sound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.models.audio import AudioError, PcmDecoder, decode_pcm


def test_s16_and_f32_say_the_same():
    wave = np.array([0.0, 0.5, -0.5, 0.25, -1.0], np.float32)
    ints = (wave * 32768).astype("<i2").tobytes()
    np.testing.assert_array_equal(decode_pcm(ints, "s16le", 1), wave)
    np.testing.assert_array_equal(decode_pcm(wave.astype("<f4").tobytes(), "f32le", 1), wave)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_the_same_sound_on_all_channels_stays_as_loud(channels):
    wave = np.linspace(-0.9, 0.9, 50, dtype=np.float32)
    mono = decode_pcm(np.repeat(wave, channels).tobytes(), "f32le", channels)
    np.testing.assert_allclose(mono, wave, atol=1e-6)


@pytest.mark.parametrize("channels", [3, 5, 6, 7, 8])
def test_speech_in_the_centre_of_surround_sound_is_kept_whole(channels):
    frames = np.zeros((40, channels), np.float32)
    frames[:, 2] = np.linspace(-1, 1, 40)
    np.testing.assert_allclose(decode_pcm(frames.tobytes(), "f32le", channels), frames[:, 2])


def test_the_low_frequency_channel_of_5_1_does_not_move_the_mouth():
    frames = np.zeros((40, 6), np.float32)
    frames[:, 3] = 1.0
    assert not decode_pcm(frames.tobytes(), "f32le", 6).any()


@settings(deadline=None)
@given(
    st.sampled_from(["s16le", "f32le"]),
    st.integers(1, 8),
    st.lists(st.integers(0, 23), max_size=40),
)
def test_a_stream_may_be_cut_inside_a_sample(sample_format, channels, cuts):
    rng = np.random.default_rng(0)
    data = rng.integers(-3000, 3000, 30 * channels).astype("<i2")
    raw = data.tobytes() if sample_format == "s16le" else (data / 3e3).astype("<f4").tobytes()
    decoder, pieces, at = PcmDecoder(sample_format, channels), [], 0
    for cut in cuts:
        pieces.append(decoder.decode(raw[at : at + cut]))
        at += cut
    pieces.append(decoder.decode(raw[at:]))
    np.testing.assert_array_equal(np.concatenate(pieces), decode_pcm(raw, sample_format, channels))
    assert decoder.end() == 0


def test_what_is_not_finite_is_silence_and_is_reported():
    wave = np.array([0.1, np.nan, np.inf, -np.inf, 1e30, 0.2], np.float32)
    decoder = PcmDecoder("f32le", 1)
    out = decoder.decode(wave.tobytes())
    np.testing.assert_allclose(out, [0.1, 0, 0, 0, 4.0, 0.2])
    assert decoder.report.not_finite == 3
    assert decoder.report.samples == 6


def test_clipped_sound_is_used_and_reported():
    wave = np.clip(3 * np.sin(np.arange(1000) / 10), -1, 1)
    decoder = PcmDecoder("s16le", 1)
    decoder.decode((wave * 32767).astype("<i2").tobytes())
    assert 0.5 < decoder.report.clipped_fraction < 0.9


def test_a_sample_cut_off_by_the_end_is_reported():
    decoder = PcmDecoder("f32le", 2)
    decoder.decode(b"\0" * 11)
    assert decoder.end() == 3
    with pytest.raises(AudioError) as caught:
        decode_pcm(b"\0" * 11, "f32le", 2)
    assert caught.value.code == "broken"


@pytest.mark.parametrize(
    ("sample_format", "channels", "code"),
    [("s24le", 1, "bad_format"), ("s16le", 0, "bad_channels"), ("s16le", 9, "bad_channels")],
)
def test_a_format_that_cannot_be_read_is_refused(sample_format, channels, code):
    with pytest.raises(AudioError) as caught:
        PcmDecoder(sample_format, channels)
    assert caught.value.code == code


def test_no_bytes_are_no_sound():
    with pytest.raises(AudioError) as caught:
        decode_pcm(b"", "s16le", 1)
    assert caught.value.code == "empty"
