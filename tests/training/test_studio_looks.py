"""Film effects and painted styles change looks and move nothing."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from training.studio.film import EFFECTS, develop
from training.studio.styles import STYLES

EVERY = {**{effect.__name__: effect for effect, _ in EFFECTS}, **STYLES}


def card(shift: int = 0) -> np.ndarray:
    """Discs and bars on a ramp, 128 px."""
    ramp = np.linspace(60, 160, 128, dtype=np.uint8)
    picture = np.dstack([np.tile(ramp, (128, 1)), np.full((128, 128), 90, np.uint8),
                         np.tile(ramp[::-1, None], (1, 128))])  # fmt: skip
    cv2.circle(picture, (44 + shift, 50), 16, (235, 220, 200), -1)
    cv2.rectangle(picture, (74 + shift, 66), (104 + shift, 96), (20, 30, 50), -1)
    return np.ascontiguousarray(picture)


def offset_px(a: np.ndarray, b: np.ndarray, reach: int = 6) -> np.ndarray:
    """How far b is shifted against a, in whole pixels: where their edges match best."""

    def edges(picture: np.ndarray) -> np.ndarray:
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
        grey = cv2.GaussianBlur(grey, (0, 0), 2)
        return np.hypot(cv2.Sobel(grey, -1, 1, 0), cv2.Sobel(grey, -1, 0, 1))

    inner = edges(a)[reach:-reach, reach:-reach]
    match = cv2.matchTemplate(edges(b), inner, cv2.TM_CCOEFF_NORMED)
    return np.array(cv2.minMaxLoc(match)[3]) - reach


@pytest.mark.parametrize("name", EVERY)
def test_geometry_stays(name: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(3):
        made = EVERY[name](card(), rng)
        assert made.shape == (128, 128, 3) and made.dtype == np.uint8
        assert np.abs(offset_px(card(), made)).max() <= 1
        assert not np.array_equal(made, card())


def test_the_measure_sees_a_shift() -> None:
    assert offset_px(card(), card(3)).tolist() == [3, 0]


@pytest.mark.parametrize("name", EVERY)
def test_the_given_picture_is_not_touched(name: str) -> None:
    picture = card()
    EVERY[name](picture, np.random.default_rng(0))
    assert np.array_equal(picture, card())


def test_the_same_chance_gives_the_same_look() -> None:
    one, two, other = (develop(card(), np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(one, two) and not np.array_equal(one, other)
