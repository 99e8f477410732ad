"""Life: blinks, gaze, breath and heads, in silence and in speech."""

from __future__ import annotations

import numpy as np
import pytest
from motion_speech import babble, silence

from mien.models.motion import (
    ARKIT_INDEX,
    EMOTIONS,
    HOP_SAMPLES,
    BlinkCue,
    Controls,
    CueTrack,
    DistanceCue,
    EmotionCue,
    GazeCue,
    HeadCue,
    Motion,
    SignalMotion,
    perform,
)

GENERATOR = SignalMotion()
I = ARKIT_INDEX  # noqa: E741
SEEDS = (1, 2)


def _two_minutes_of_silence() -> dict[int, Motion]:
    """All seeds at once, one a lane."""
    lanes, mask = len(SEEDS), np.ones(len(SEEDS), bool)
    state = GENERATOR.new_state(lanes)
    state.reset(mask, np.array(SEEDS, np.uint64))
    nothing, wishes = np.zeros((lanes, HOP_SAMPLES), np.float32), [Controls.neutral(1)] * lanes
    steps = [GENERATOR.step(state, nothing, wishes, mask) for _ in range(120 * 25 + 2)][2:]
    return {
        seed: Motion(np.array([d[k, 0] for d, _ in steps]), np.array([p[k, 0] for _, p in steps]))
        for k, seed in enumerate(SEEDS)
    }


IDLE = _two_minutes_of_silence()


def blink_onsets(motion) -> np.ndarray:
    shut = motion.dynamics[:, I["eyeBlinkLeft"]] > 0.5
    return np.flatnonzero(shut[1:] & ~shut[:-1])


def gaze_left(motion) -> np.ndarray:
    """Eye-in-head turn toward the subject's left, as weights."""
    d = motion.dynamics
    return d[:, I["eyeLookOutLeft"]] - d[:, I["eyeLookInLeft"]]


@pytest.mark.parametrize("seed", [1, 2])
def test_an_idle_face_blinks_like_a_person(seed):
    onsets = blink_onsets(IDLE[seed])
    assert 10 <= len(onsets) / 2 <= 25
    shut = IDLE[seed].dynamics[:, I["eyeBlinkLeft"]] > 0.5
    mean_ms = 40 * shut.sum() / len(onsets)
    assert 80 <= mean_ms <= 200
    assert np.diff(onsets).min() > 12


@pytest.mark.parametrize("seed", [1, 2])
def test_an_idle_face_is_never_frozen_and_never_chatters(seed):
    motion = IDLE[seed]
    still = np.abs(np.diff(motion.pose, axis=0)).max(1) < 1e-6
    assert not still.any()
    assert motion.dynamics[:, I["jawOpen"]].max() < 0.02
    span = np.degrees(np.ptp(motion.pose[:, :3], axis=0))
    assert (span > 1.5).all() and (span < 16).all()


def test_idle_eyes_shift_their_gaze():
    jumps = np.abs(np.diff(gaze_left(IDLE[1]))) > 0.04
    assert 20 < jumps.sum() < 240


def test_idle_faces_of_two_seeds_do_not_move_together():
    first, second = (IDLE[seed].pose[:, 1] for seed in (1, 2))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.5


def test_breath_lifts_the_head_a_few_times_in_ten_seconds():
    lift = IDLE[1].pose[:, 4].astype(np.float64)
    spectrum = np.abs(np.fft.rfft((lift - lift.mean()) * np.hanning(len(lift))))
    f = np.fft.rfftfreq(len(lift), 0.04)
    band = (f > 0.15) & (f < 0.40)
    assert (spectrum[band] ** 2).sum() > 0.2 * (spectrum[1:] ** 2).sum()


def test_eyes_turn_back_as_the_head_turns():
    """The vestibulo-ocular reflex: a head turned by a cue leaves the gaze where it was."""
    turn = CueTrack([HeadCue(1_000_000, 0, 300_000, (0.0, np.radians(12), 0.0))])
    plain = perform(GENERATOR, silence(3.0), seed=3)
    turned = perform(GENERATOR, silence(3.0), turn, seed=3)
    moved = np.degrees(turned.pose[60:, 1] - plain.pose[60:, 1])
    np.testing.assert_allclose(moved, 12.0, atol=0.1)
    back = gaze_left(turned)[60:] - gaze_left(plain)[60:]
    assert (back < -0.30).all()


def test_eyes_lead_and_the_head_follows_a_quarter_of_the_way():
    look = CueTrack([GazeCue(1_000_000, 0, None, np.radians(20), 0.0)])
    plain = perform(GENERATOR, silence(4.0), seed=3)
    moved = perform(GENERATOR, silence(4.0), look, seed=3)
    head = np.degrees(moved.pose[:, 1] - plain.pose[:, 1])
    assert head[:25].max() < 0.1
    assert head[29] < 2.0
    assert 4.0 <= head[-1] <= 6.0
    assert gaze_left(moved)[29] > 0.35


def test_looking_up_uses_the_upper_weights():
    look = CueTrack([GazeCue(0, 0, 0, 0.0, np.radians(15))])
    motion = perform(GENERATOR, silence(2.0), look, seed=3)
    assert motion.dynamics[30:, I["eyeLookUpLeft"]].mean() > 0.25
    assert motion.pose[40:, 0].mean() < 0.0  # +x nods down


def test_a_blink_that_is_asked_for_happens():
    motion = perform(GENERATOR, silence(2.0), CueTrack([BlinkCue(1_200_000)]), seed=3)
    assert motion.dynamics[30:37, I["eyeBlinkRight"]].max() > 0.95


def test_distance_moves_the_head_toward_the_camera():
    motion = perform(GENERATOR, silence(3.0), CueTrack([DistanceCue(0, 0, 0, 0.9)]), seed=3)
    assert 0.6 < motion.pose[-1, 5] < 0.9


@pytest.mark.parametrize(
    ("emotion", "coefficient"),
    [
        ("happy", "mouthSmileLeft"),
        ("sad", "browInnerUp"),
        ("angry", "browDownLeft"),
        ("surprised", "browOuterUpLeft"),
        ("afraid", "eyeWideLeft"),
        ("disgusted", "noseSneerLeft"),
        ("contemptuous", "mouthDimpleLeft"),
    ],
)
def test_an_emotion_shows_and_half_of_it_shows_half(emotion, coefficient):
    weights = {}
    for intensity in (0.0, 0.5, 1.0):
        track = CueTrack([EmotionCue.of(0, 0, 0, intensity, **{emotion: 1.0})])
        motion = perform(GENERATOR, silence(3.0), track, seed=3)
        weights[intensity] = motion.dynamics[50:, I[coefficient]].mean()
    assert weights[1.0] > weights[0.0] + 0.3
    middle = (weights[0.0] + weights[1.0]) / 2
    assert abs(weights[0.5] - middle) < 0.06


def test_lips_still_meet_under_a_smile():
    from motion_speech import voiced

    from mien.models.motion.face import lip_gap

    line = np.concatenate([voiced(k, 0.12) for k in "amamamamama"])
    smile = CueTrack([EmotionCue.of(0, 0, 0, happy=1.0)])
    gap = lip_gap(perform(GENERATOR, line, smile, seed=1).dynamics.astype(np.float64))
    assert (gap < 0.02).sum() >= 5


def test_no_face_is_the_same_left_and_right():
    motion = perform(GENERATOR, babble(4.0, seed=2), seed=4).dynamics
    for stem in ("mouthLowerDown", "mouthSmile", "browOuterUp"):
        difference = np.abs(motion[:, I[stem + "Left"]] - motion[:, I[stem + "Right"]])
        assert 0.0005 < difference.mean() < 0.1


def test_speech_moves_the_head_more_than_silence_but_no_faster_than_people():
    line = perform(GENERATOR, babble(12.0, seed=6), seed=2)
    idle = IDLE[2]
    speed = [
        np.degrees(np.linalg.norm(np.diff(m.pose[:, :3], axis=0), axis=1)) * 25
        for m in (line, idle)
    ]
    assert np.percentile(speed[0], 95) > 3 * np.percentile(speed[1], 95)
    assert np.percentile(speed[0], 95) < 100
    assert speed[0].max() < 220


def test_a_line_begins_and_ends_without_a_jump():
    audio = np.concatenate([silence(2.0), babble(2.0, seed=8), silence(2.0)])
    motion = perform(GENERATOR, audio, seed=2)
    step = np.degrees(np.abs(np.diff(motion.pose[:, :3], axis=0)).max(1))
    assert step.max() < 7.0
    eyes = [i for name, i in I.items() if name.startswith("eye")]
    face = np.delete(motion.dynamics, eyes, axis=1)
    assert np.abs(np.diff(face, axis=0)).max() < 0.62


def test_every_emotion_has_its_own_face():
    from mien.models.motion.expression import FACES

    assert not FACES[0].any()
    for row in range(1, len(EMOTIONS)):
        for other in range(1, row):
            assert np.linalg.norm(FACES[row] - FACES[other]) > 0.5
