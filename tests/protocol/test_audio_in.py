"""Sound as callers have it, made into PCM."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest

from mien.protocol.audio_in import AudioFormat, open_audio, to_pcm
from mien.protocol.errors import AudioError


def wav(samples, width, channels=1, rate=22_050):
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples)
    return target.getvalue()


def read(audio):
    return b"".join(audio.chunks)


def test_16_bit_wav_goes_as_it_is():
    sound = np.arange(-3000, 3000, dtype=np.int16)
    audio = open_audio(wav(sound.tobytes(), 2, channels=2))
    assert audio.format == AudioFormat(22_050, 2, "s16")
    assert read(audio) == sound.tobytes()


@pytest.mark.parametrize("width", [1, 3, 4])
def test_other_widths_of_wav_become_float(width):
    values = np.array([-1.0, -0.5, 0.0, 0.25, 0.5])
    if width == 1:
        data = (values * 128 + 128).astype(np.uint8).tobytes()
    else:
        whole = (values * 2 ** (8 * width - 1)).astype("<i8")
        data = b"".join(int(v).to_bytes(width, "little", signed=True) for v in whole)
    audio = open_audio(wav(data, width))
    assert audio.format.sample_format == "f32"
    np.testing.assert_allclose(np.frombuffer(read(audio), "<f4"), values, atol=1e-6)


def test_a_wav_cut_short_ends_where_it_ends():
    sound = np.arange(20_000, dtype=np.int16)
    audio = open_audio(wav(sound.tobytes(), 2, channels=2)[:-3])
    assert read(audio) == sound.tobytes()[:-4]


@pytest.mark.parametrize("cut", [0, 3, 12, 20, 30, 43])
def test_a_wav_cut_in_its_header_is_refused(cut, tmp_path):
    (tmp_path / "a.wav").write_bytes(wav(bytes(100), 2)[:cut])
    with pytest.raises(AudioError):
        open_audio(tmp_path / "a.wav")


def test_arrays_know_their_format():
    mono = open_audio(np.zeros(10, np.int16), 16_000)
    assert (mono.format, mono.total_samples) == (AudioFormat(16_000, 1, "s16"), 10)
    stereo = open_audio(np.zeros((10, 2), np.float32), 48_000)
    assert (stereo.format, stereo.total_samples) == (AudioFormat(48_000, 2, "f32"), 10)


def test_doubles_and_other_byte_orders_are_converted():
    values = np.array([-1.0, 0.25, 1.0])
    assert read(open_audio(values, 16_000)) == values.astype("<f4").tobytes()
    big = np.array([1, -2, 300], ">i2")
    assert read(open_audio(big, 16_000)) == big.astype("<i2").tobytes()


def test_arrays_that_skip_samples_are_sent_as_they_read():
    sound = np.arange(20, dtype=np.int16)
    assert read(open_audio(sound[::2], 16_000)) == sound[::2].tobytes()


def test_pieces_may_be_mixed_as_long_as_the_format_holds():
    audio_format = AudioFormat(16_000, 1, "f32")
    assert to_pcm(np.array([16384], np.int16), audio_format) == np.float32(0.5).tobytes()
    assert to_pcm(np.float32([0.5]).tobytes(), audio_format) == np.float32(0.5).tobytes()
    with pytest.raises(AudioError, match="16-bit"):
        to_pcm(np.zeros(3, np.float32), AudioFormat(16_000, 1, "s16"))


def test_an_iterator_is_not_asked_before_the_line_when_its_format_is_given():
    def pieces():
        raise AssertionError("asked")
        yield b""

    audio = open_audio(pieces(), 16_000, channels=1, sample_format="s16")
    assert audio.total_samples is None


@pytest.mark.parametrize(
    ("array", "channels"),
    [
        (np.zeros((2, 2, 2), np.int16), 2),
        (np.zeros((4, 3), np.int16), 2),
        (np.zeros(5, np.int16), 2),
        (np.zeros(5, bool), 1),
        (np.zeros(5, np.uint8), 1),
        (np.zeros(5, complex), 1),
    ],
)
def test_arrays_that_are_no_such_sound_are_refused(array, channels):
    with pytest.raises(AudioError):
        to_pcm(array, AudioFormat(16_000, channels, "s16"))
