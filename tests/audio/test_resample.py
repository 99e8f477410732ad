"""The resampler: any cuts give the same samples, its clock is exact, nothing folds back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.models.audio import AudioError, Resampler, resample

RATES = [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000, 37_123]


def tone(rate_hz: int, seconds: float, frequency_hz: float = 1000.0) -> np.ndarray:
    t = np.arange(round(rate_hz * seconds)) / rate_hz
    return np.sin(2 * np.pi * frequency_hz * t).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(RATES), st.lists(st.integers(0, 1500), max_size=25), st.integers(0, 99))
def test_any_chunking_gives_the_very_same_samples(rate_hz, cuts, seed):
    sound = np.random.default_rng(seed).standard_normal(6000).astype(np.float32)
    stream, pieces, at = Resampler(rate_hz), [], 0
    for cut in cuts:
        pieces.append(stream.feed(sound[at : at + cut]))
        at += cut
    pieces += [stream.feed(sound[at:]), stream.end()]
    np.testing.assert_array_equal(np.concatenate(pieces), resample(sound, rate_hz))


@pytest.mark.parametrize("rate_hz", RATES)
def test_the_clock_is_exact(rate_hz):
    out = resample(tone(rate_hz, 0.5), rate_hz)
    assert len(out) == -(-round(rate_hz * 0.5) * 16_000 // rate_hz)
    late_s = Resampler(rate_hz).delay_samples / rate_hz
    want = np.sin(2 * np.pi * 1000.0 * (np.arange(len(out)) / 16_000 - late_s))
    middle = slice(300, -300)
    assert np.abs(out[middle] - want[middle]).max() < 2e-4


def test_the_clock_does_not_drift_over_minutes():
    rate_hz = 44_100
    click = np.zeros(rate_hz * 120, np.float32)
    click[rate_hz * 119] = 1.0
    stream, pieces = Resampler(rate_hz), []
    for k in range(0, len(click), rate_hz):
        pieces.append(stream.feed(click[k : k + rate_hz]))
    out = np.concatenate([*pieces, stream.end()])
    late = stream.delay_samples * 16_000 / rate_hz
    assert abs(int(out.argmax()) - 16_000 * 119 - late) < 1
    assert len(out) == 16_000 * 120


@pytest.mark.parametrize("rate_hz", [22_050, 44_100, 48_000, 96_000, 192_000])
def test_what_16_khz_cannot_carry_does_not_fold_back(rate_hz):
    out = resample(tone(rate_hz, 0.3, 9_500.0), rate_hz)
    assert np.abs(out[300:-300]).max() < 1e-3


def test_the_delay_is_too_small_to_be_seen():
    for rate_hz in RATES:
        assert Resampler(rate_hz).delay_samples / rate_hz < 0.004


@pytest.mark.parametrize("rate_hz", RATES)
def test_a_piece_of_sound_is_all_there_when_it_has_come(rate_hz):
    """Else a frame would wait for the piece after the one that it needs."""
    stream = Resampler(rate_hz)
    for k in range(1, 6):
        stream.feed(tone(rate_hz, 0.04))
        assert stream._produced == -(-k * round(rate_hz * 0.04) * 16_000 // rate_hz)


def test_nothing_in_gives_nothing_out():
    for rate_hz in RATES:
        assert len(resample(np.zeros(0, np.float32), rate_hz)) == 0


@pytest.mark.parametrize("rate_hz", [0, 7_999, 192_001, -1])
def test_a_rate_beyond_reason_is_refused(rate_hz):
    with pytest.raises(AudioError) as caught:
        Resampler(rate_hz)
    assert caught.value.code == "bad_rate"


def test_a_stream_that_ended_takes_no_more():
    stream = Resampler(8_000)
    stream.end()
    with pytest.raises(ValueError, match="ended"):
        stream.feed(np.zeros(5, np.float32))
