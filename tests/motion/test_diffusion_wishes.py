"""What a designer asks for, as the network hears it."""

from __future__ import annotations

import numpy as np

from mien.models.motion import EMOTIONS, Controls
from mien.models.motion.diffusion.wishes import CONDITIONS, columns_of, wish_vector


def test_neutral_wishes_look_ahead_keep_the_distance_and_are_all_given():
    vector = wish_vector(Controls.neutral(3))
    assert vector.shape == (3, CONDITIONS) and vector.dtype == np.float32
    assert vector[1].tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1]


def test_wishes_are_scaled_frame_by_frame():
    wish = Controls.neutral(2)
    wish.gaze_rad[1] = (0.2, -0.1)
    wish.distance[1] = 1.25
    wish.emotion[1] = 0.0
    wish.emotion[1, EMOTIONS.index("sad")] = 0.7
    vector = wish_vector(wish)
    np.testing.assert_array_equal(vector[0], wish_vector(Controls.neutral(1))[0])
    np.testing.assert_allclose(vector[1, :3], (0.6, -0.3, 1.0), atol=1e-6)
    np.testing.assert_allclose(vector[1, 3:11], [0, 0, 0.7, 0, 0, 0, 0, 0], atol=1e-6)


def test_what_nobody_can_do_or_mean_is_held_back():
    wish = Controls.neutral(1)
    wish.gaze_rad[:], wish.distance[:], wish.emotion[:] = (np.nan, 99.0), np.inf, -3.0
    vector = wish_vector(wish)[0]
    np.testing.assert_allclose(vector[:3], (0.0, 3.0, 0.0))
    assert not vector[3:11].any()


def test_every_column_belongs_to_one_condition():
    columns = [c for name in ("gaze", "distance", "emotion") for c in columns_of(name)]
    assert sorted(columns) == list(range(CONDITIONS))
