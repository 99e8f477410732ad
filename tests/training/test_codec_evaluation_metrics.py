"""Figures of pictures made by hand are what one can work out by hand."""

import math

import cv2
import numpy as np
import pytest

from mien.models.capture.points import places
from training.evaluation.codec import metrics
from training.evaluation.codec.regions import Box, regions
from training.evaluation.codec.scoring import Tally, score

EVERYWHERE = (slice(None), slice(None))


@pytest.fixture
def noise():
    rough = np.random.default_rng(3).uniform(40, 200, (64, 64, 3))
    return cv2.GaussianBlur(rough, (0, 0), 1.0).astype(np.uint8)


def flat(value, size=40):
    return np.full((size, size, 3), value, np.uint8)


def test_psnr_of_ten_grey_levels_is_28_db():
    assert metrics.psnr(flat(100), flat(110)) == pytest.approx(10 * math.log10(255**2 / 100))


def test_equal_pictures_score_a_number_and_nothing_scores_nan(noise):
    assert metrics.psnr(noise, noise) == metrics.BEST_DB
    assert math.isnan(metrics.psnr(noise[:0], noise[:0]))


def test_ssim_is_one_for_equals_and_falls_with_blur(noise):
    soft = np.asarray(cv2.GaussianBlur(noise, (0, 0), 2.0))
    assert metrics.ssim_map(noise, noise).mean() == pytest.approx(1.0, abs=1e-4)
    assert metrics.ssim_map(noise, soft).mean() < 0.8


def test_ssim_of_flat_greys_is_the_luminance_term_alone():
    one, other, c1 = 100.0, 150.0, (0.01 * 255) ** 2
    wanted = (2 * one * other + c1) / (one**2 + other**2 + c1)
    assert metrics.ssim_map(flat(100), flat(150)).mean() == pytest.approx(wanted, abs=1e-3)


def test_gradient_energy_of_a_ramp_is_slope_squared_a_pixel():
    ramp = np.repeat((3 * np.arange(40))[None, :, None], 40, 0).repeat(3, 2).astype(np.uint8)
    inside = np.zeros((40, 40), bool)
    inside[10:20, 10:20] = True
    assert metrics.gradient_energy(ramp, inside) == pytest.approx(900.0)


def test_sharpness_is_four_at_twice_the_contrast_and_falls_in_fog(noise):
    inside = np.ones((64, 64), bool)
    true = metrics.gradient_energy(noise, inside)
    half = (noise.astype(int) // 2).astype(np.uint8)
    fog = np.asarray(cv2.GaussianBlur(noise, (0, 0), 2.0))
    assert metrics.sharpness([(true, metrics.gradient_energy(half, inside))]) == pytest.approx(
        4.0, rel=0.05
    )
    assert metrics.sharpness([(metrics.gradient_energy(fog, inside), true)]) < 0.4


def test_sharpness_is_the_median_mouths_and_pooled_the_one_of_all_together():
    energies = [(0.5, 1.0), (4.0, 4.0), (9.0, 1.0), (9.0, 0.0)]
    assert metrics.sharpness(energies) == pytest.approx(1.0)
    assert metrics.pooled_sharpness(energies) == pytest.approx(22.5 / 6)
    assert math.isnan(metrics.sharpness([(1.0, 0.0)]))
    assert math.isnan(metrics.pooled_sharpness([]))


def test_a_picture_that_stands_still_does_not_flicker_whatever_the_truth_does():
    moving = [flat(100 + 9 * (k % 2)) for k in range(6)]
    assert metrics.flicker([flat(100)] * 6, moving, EVERYWHERE) == 0.0


def test_alternating_frames_flicker_by_their_second_difference():
    trembling = [flat(100 + 5 * (-1) ** k) for k in range(6)]
    assert metrics.flicker(trembling, [flat(100)] * 6, EVERYWHERE) == pytest.approx(20.0, rel=0.01)


def test_what_the_truth_does_too_and_what_changes_steadily_is_no_flicker():
    trembling = [flat(100 + 5 * (-1) ** k) for k in range(6)]
    brightening = [flat(100 + 7 * k) for k in range(6)]
    assert metrics.flicker(trembling, trembling, EVERYWHERE) == 0.0
    assert metrics.flicker(brightening, [flat(100)] * 6, EVERYWHERE) == pytest.approx(0.0, abs=1e-3)


def test_correlation_counts_a_dead_answer_as_zero_and_a_dead_question_as_none():
    ramp = np.arange(5.0)
    assert metrics.correlation(ramp, 2 * ramp + 1) == pytest.approx(1.0)
    assert metrics.correlation(ramp, np.ones(5)) == 0.0
    assert math.isnan(metrics.correlation(np.ones(5), ramp))


def face_points(gap_px):
    """Points of a face 200 px wide whose mouth is an ellipse `gap_px` high."""
    points = np.full((170, 2), 150.0)
    around = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    points[places("oval")] = 150 + 100 * np.c_[np.sin(around), -np.cos(around)]
    ring = np.linspace(np.pi, 3 * np.pi, 20, endpoint=False)
    mouth = np.c_[np.cos(ring), np.sin(ring)]
    points[places("inner_lip")] = (150, 200) + mouth * (30, gap_px / 2)
    points[places("outer_lip")] = (150, 200) + mouth * (40, gap_px / 2 + 10)
    for name, x in (("right_eye", 110), ("left_eye", 190)):
        ring = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        points[places(name)] = (x, 130) + np.c_[15 * np.cos(ring), 6 * np.sin(ring)]
    return points


def test_boxes_hold_what_they_are_named_after():
    at = regions(face_points(24.0), 130.0, 300)
    assert at.whole == Box(0, 0, 300, 300)
    assert at.face.left < 50 < 250 < at.face.right
    assert (at.mouth.left, at.mouth.right) == (98, 203)
    assert at.eyes[0].right < at.eyes[1].left
    assert at.gap == pytest.approx(24 / 130)


def test_the_inside_of_lips_leaves_their_rim_out_and_shut_lips_have_none():
    ellipse = math.pi * 30 * 12
    assert 0.5 * ellipse < regions(face_points(24.0), 130.0, 300).inside.sum() < 0.85 * ellipse
    assert regions(face_points(1.0), 130.0, 300).inside.sum() == 0


def test_boxes_end_at_the_picture():
    at = regions(face_points(24.0) - (0, 260), 130.0, 300)
    assert at.mouth.top == 0
    assert at.mouth.bottom == 0 and at.mouth.empty


def test_only_open_mouths_count_for_the_mouth():
    tally, picture = Tally(), flat(90, 300)
    for gap in (2.0, 24.0):
        score(tally, flat(100, 300), picture, regions(face_points(gap), 130.0, 300))
    figures = tally.figures()
    assert tally.count("face_psnr") == 2
    assert tally.count("mouth_psnr") == 1
    assert figures["eyes_psnr"] == pytest.approx(28.13, abs=0.01)
    assert math.isnan(figures["mouth_sharpness"])  # a flat truth has no sharpness
    assert math.isnan(figures["features"])
