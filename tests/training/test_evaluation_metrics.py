"""Figures of mouths made by hand are what one can work out by hand."""

import numpy as np
import pytest
from evaluation_helpers import SENTENCE, motion, perfect, phones

from mien.models.codec.lips import LipSolver
from training.evaluation import lips
from training.evaluation.metrics import (
    Closures,
    closures,
    correlation,
    separability,
    sync_offset_ms,
    wanted_closures,
    weighted_correlation,
)
from training.evaluation.timeline import between_frames, fine_times, runs, smoothly_between, speech


def counted(shown, segments=SENTENCE):
    return closures(lips.closed(between_frames(shown.dynamics)), segments)


def test_a_mouth_that_shuts_on_every_p_b_m_and_nowhere_else_scores_one_and_zero():
    found = counted(perfect(SENTENCE))
    assert found.wanted == 3
    assert found.recall == 1.0
    assert found.spurious_rate == 0.0


def test_a_mouth_that_never_shuts_meets_nothing_and_has_no_spurious_event():
    found = counted(motion(68, jaw=0.4))
    assert found.recall == 0.0
    assert found.events == 0
    assert found.spurious_rate == 0.0


def test_a_mouth_that_chatters_where_no_closure_is_wanted_is_all_spurious():
    vowels = phones(("sil", 0.4), ("aa", 0.6), ("iy", 0.6), ("sil", 0.4))
    jaw = np.where(np.arange(50) % 4 < 2, 0.4, 0.0)
    found = counted(motion(50, jaw), vowels)
    assert found.wanted == 0
    assert np.isnan(found.recall)
    assert found.events >= 5
    assert found.spurious_rate == 1.0


def test_closed_lips_in_silence_are_no_event():
    vowels = phones(("sil", 0.4), ("aa", 0.6), ("sil", 0.4))
    jaw = np.zeros(35)
    jaw[9:27] = 0.4  # shut again 40 ms after the vowel's end
    assert counted(motion(35, jaw), vowels).events == 0


def test_a_closure_on_f_is_spurious_but_excused_in_the_looser_figure():
    said = phones(("sil", 0.4), ("aa", 0.4), ("f", 0.2), ("aa", 0.4), ("sil", 0.4))
    jaw = np.full(45, 0.4)
    jaw[20:25] = 0.0
    found = counted(motion(45, jaw), said)
    assert found.spurious_rate == 1.0
    assert found.spurious_rate_excusing_f == 0.0


def test_a_closure_counts_within_40_ms_of_its_phone_and_no_further():
    said = phones(("sil", 0.4), ("aa", 0.6), ("p", 0.1), ("aa", 0.6), ("sil", 0.4))
    closed = np.zeros(211, bool)
    closed[114] = True  # 40 ms after the p
    assert closures(closed, said).recall == 1.0
    closed = np.zeros(211, bool)
    closed[115] = True
    assert closures(closed, said).recall == 0.0


def test_phones_that_touch_want_one_closure_and_those_beside_silence_are_the_easy_ones():
    said = phones(("sil", 0.2), ("p", 0.1), ("aa", 0.1), ("m", 0.1), ("p", 0.1), ("iy", 0.1))
    assert [beside for _, _, beside in wanted_closures(said)] == [True, False]


def test_counts_of_lines_add_up():
    both = counted(perfect(SENTENCE)) + counted(motion(68, jaw=0.4))
    assert (both.wanted, both.met) == (6, 3)
    assert both + Closures() == both


@pytest.mark.parametrize("late_ms", [-80, -40, 0, 40, 120])
def test_a_shifted_mouth_has_its_shift_as_offset(late_ms):
    reference = lips.opening(perfect(SENTENCE).dynamics)
    shown = lips.opening(perfect(SENTENCE, late_ms / 1000).dynamics)
    assert sync_offset_ms(shown, reference) == pytest.approx(late_ms, abs=6)


def test_a_shift_of_less_than_a_frame_is_told_too():
    times_s = np.arange(100) / 25
    wave = np.sin(2 * np.pi * 2.1 * times_s) * np.hanning(100)
    later = np.sin(2 * np.pi * 2.1 * (times_s - 0.013)) * np.hanning(100)
    assert sync_offset_ms(later, wave) == pytest.approx(13, abs=3)


def test_a_mouth_that_does_not_move_has_neither_offset_nor_r():
    reference = lips.opening(perfect(SENTENCE).dynamics)
    assert np.isnan(sync_offset_ms(np.zeros(len(reference)), reference))
    assert np.isnan(correlation(np.ones(9), np.arange(9.0)))


def test_a_still_mouth_counts_as_r_zero_over_lines_rather_than_being_left_out():
    curve = np.sin(np.arange(40.0))
    assert weighted_correlation([(curve, curve), (np.zeros(40), curve)]) == pytest.approx(0.5)


def test_longer_lines_weigh_more():
    long, short = np.sin(np.arange(60.0)), np.sin(np.arange(20.0))
    assert weighted_correlation([(long, long), (-short, short)]) == pytest.approx(0.5)


def test_visemes_far_apart_are_more_separable_than_visemes_all_alike():
    rng = np.random.default_rng(0)
    names = ["aa", "iy"] * 30
    apart = rng.normal(size=(60, 4)) * 0.1 + np.array([[0.0], [1.0]] * 30)
    assert separability(apart, names) > 5
    assert separability(rng.normal(size=(60, 4)), names) < 0.2


def test_demand_for_many_frames_is_the_codecs_own():
    rng = np.random.default_rng(3)
    faces = rng.uniform(0, 1, (300, 52)).astype(np.float32) ** 3
    faces[:, lips.CLOSE] = np.minimum(faces[:, lips.CLOSE], faces[:, lips.JAW])
    one_by_one = [LipSolver.demand(face) for face in faces]
    assert lips.demand(faces) == pytest.approx(one_by_one, abs=1e-6)


def test_lips_are_closed_by_demand_even_where_the_linear_gap_is_wide():
    shut = motion(1, jaw=0.5, mouthClose=0.5)
    assert lips.closed(shut.dynamics)[0]
    assert not lips.closed(motion(1, jaw=0.5).dynamics)[0]


def test_between_frames_passes_through_the_frames_and_is_straight_between():
    values = np.array([0.0, 1.0, 0.5])
    fine = between_frames(values)
    assert fine[::4] == pytest.approx(values)
    assert fine[2] == pytest.approx(0.5)
    assert len(fine) == len(fine_times(3)) == 9
    assert smoothly_between(values)[::4] == pytest.approx(values)


def test_one_frame_is_a_line_too():
    assert between_frames(np.array([[0.25, 0.5]])).tolist() == [[0.25, 0.5]]


def test_speech_keeps_its_distance_from_every_silence():
    said = phones(("sil", 0.5), ("aa", 1.0), ("sil", 0.5))
    times_s = np.arange(200) / 100
    near, far = speech(times_s, said, 0.06), speech(times_s, said)
    assert [near[55], near[57], near[143], near[145]] == [False, True, True, False]
    assert far[51]
    assert not far[49]


def test_runs_are_the_stretches_of_truth():
    found = runs(np.array([True, False, True, True]))
    assert found == [slice(0, 1), slice(2, 4)]
    assert runs(np.zeros(4, bool)) == []
