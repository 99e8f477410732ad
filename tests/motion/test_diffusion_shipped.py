"""The weights that ship with mien: they are there, small, alive in silence, and do as asked."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from motion_speech import RATE_HZ, babble, silence

from mien.models.motion import ARKIT_INDEX, EMOTIONS, Controls, Motion, perform
from mien.models.motion.diffusion.generator import DiffusionMotion
from mien.models.motion.diffusion.openvino_runtime import OpenVinoRuntime
from mien.models.motion.diffusion.runtime import make_runtime
from mien.models.motion.diffusion.tokens import world_gaze
from mien.models.motion.diffusion.weights import SHIPPED, MotionModel, load_model
from mien.models.motion.signal import CAMERA_HEAD_WIDTHS

JAW, LID = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["eyeBlinkLeft"]


@cache
def shipped() -> MotionModel:
    return load_model()


@cache
def generator() -> DiffusionMotion:
    return DiffusionMotion(OpenVinoRuntime(shipped(), precision="f32"))


@cache
def idle() -> Motion:
    return perform(generator(), silence(30.0), seed=1)


def asked(**wishes):
    """Controls for any range of frames, the same wish for all of them."""

    def controls(first: int, frames: int) -> Controls:
        wish = Controls.neutral(frames)
        for name, value in wishes.items():
            getattr(wish, name)[:] = value
        return wish

    return controls


def test_the_weights_are_small_and_say_where_they_come_from():
    assert SHIPPED.stat().st_size <= 25e6
    assert shipped().about.notes


def test_the_default_runtime_agrees_with_its_slow_twin_on_them():
    slow = DiffusionMotion(make_runtime("numpy", shipped()))
    line = babble(1.0, seed=2)
    fast_motion, slow_motion = perform(generator(), line), perform(slow, line)
    assert np.abs(fast_motion.dynamics - slow_motion.dynamics).max() < 1e-3
    assert np.abs(fast_motion.pose - slow_motion.pose).max() < 1e-3


def test_silence_is_a_living_idle_without_chatter():
    settled = slice(50, None)
    jaw, lid = idle().dynamics[settled, JAW], idle().dynamics[settled, LID]
    blinks = np.count_nonzero((lid[1:] > 0.5) & (lid[:-1] <= 0.5))
    assert 2 <= blinks <= 20  # in 28 s
    assert idle().pose[settled, :3].std(0).max() > np.radians(0.3)
    assert jaw.mean() < 0.08 and np.abs(np.diff(jaw)).mean() < 0.01


def test_speech_opens_and_closes_the_mouth():
    spoken = perform(generator(), babble(8.0, seed=4), seed=1).dynamics[25:, JAW]
    assert spoken.std() > 3 * idle().dynamics[50:, JAW].std()
    assert spoken.max() > 0.15


@pytest.mark.parametrize("theta_deg", [-12.0, 12.0])
def test_eyes_go_where_they_are_sent(theta_deg):
    wish = asked(gaze_rad=(np.radians(theta_deg), 0.0))
    motion = perform(generator(), silence(10.0), wish, seed=2)
    looked = np.degrees(world_gaze(motion.dynamics, motion.pose)[50:, 0])
    assert abs(np.median(looked) - theta_deg) < 4.0


@pytest.mark.parametrize("distance", [0.9, 1.15])
def test_the_head_keeps_the_distance_it_is_told(distance):
    motion = perform(generator(), silence(10.0), asked(distance=distance), seed=2)
    kept = 1.0 - motion.pose[50:, 5].mean() / CAMERA_HEAD_WIDTHS
    assert abs(kept - distance) < 0.005


def test_a_happy_face_smiles_more_than_a_sad_one():
    smiles = []
    for name in ("happy", "sad"):
        emotion = np.eye(len(EMOTIONS), dtype=np.float32)[EMOTIONS.index(name)]
        motion = perform(generator(), silence(6.0), asked(emotion=emotion), seed=3)
        smiles.append(motion.dynamics[50:, ARKIT_INDEX["mouthSmileLeft"]].mean())
    assert smiles[0] > smiles[1] + 0.1


@pytest.mark.parametrize("kind", ["noise", "constant", "chord"])
def test_what_is_not_speech_does_no_harm(kind):
    t = np.arange(6 * RATE_HZ) / RATE_HZ
    sound = {
        "noise": np.sign(np.random.default_rng(0).standard_normal(len(t))),
        "constant": np.ones(len(t)),
        "chord": sum(0.2 * np.sin(2 * np.pi * f * t) for f in (220, 277, 330)),
    }[kind].astype(np.float32)
    motion = perform(generator(), np.concatenate([sound, silence(4.0)]), seed=1)
    assert np.isfinite(motion.dynamics).all() and np.isfinite(motion.pose).all()
    assert np.abs(motion.pose[:, :3]).max() < 0.7
    after = motion.dynamics[-50:, JAW]
    assert after.mean() < 0.1  # and the mouth is at rest again two seconds later
