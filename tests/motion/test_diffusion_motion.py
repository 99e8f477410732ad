"""DiffusionMotion as a stream: chunks, lanes, masks, seeds, bad sound, and what is laid on top."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from motion_random import SMALL, random_model
from motion_speech import babble

from mien.models.motion import ARKIT_INDEX, HOP_SAMPLES, Controls, Performer, perform
from mien.models.motion.diffusion.generator import DiffusionMotion, levels
from mien.models.motion.diffusion.nearness import approach
from mien.models.motion.diffusion.openvino_runtime import OpenVinoRuntime
from mien.models.motion.diffusion.saying import said
from mien.models.motion.diffusion.shapes import SLICE
from mien.models.motion.diffusion.state import DiffusionState
from mien.models.motion.diffusion.tokens import POSE
from mien.models.motion.perform import join
from mien.models.motion.signal import CAMERA_HEAD_WIDTHS, SignalMotion
from mien.models.motion.source import Guidance
from training.evaluation.lips import closed

RUNTIME = OpenVinoRuntime(random_model(), precision="f32")
GENERATOR = DiffusionMotion(RUNTIME)
LINE = babble(3.0, seed=3)
WHOLE = perform(GENERATOR, LINE, seed=5)
BLOCK = 2 * HOP_SAMPLES


def run(audio, seeds, masks=None, generator=GENERATOR, state=None, controls=None):
    """Run `audio` [lanes, blocks * BLOCK]; return dynamics, pose [lanes, frames, ...], state."""
    lanes = len(audio)
    if state is None:
        state = generator.new_state(lanes)
        state.reset(np.ones(lanes, bool), np.array(seeds, np.uint64))
    wishes = controls or [Controls.neutral(2)] * lanes
    faces, places = [], []
    for k in range(audio.shape[1] // BLOCK):
        mask = np.ones(lanes, bool) if masks is None else masks[k]
        block = audio[:, k * BLOCK : (k + 1) * BLOCK].astype(np.float32)
        dynamics, pose = generator.step(state, block, wishes, mask)
        faces.append(dynamics)
        places.append(pose)
    return np.concatenate(faces, 1), np.concatenate(places, 1), state


@pytest.mark.parametrize("chunk", [1, 160, 592, 7001], ids=["1 sample", "10 ms", "37 ms", "0.4 s"])
def test_any_chunking_gives_the_same_motion(chunk):
    line = LINE[:8000] if chunk == 1 else LINE
    whole = perform(GENERATOR, line, seed=5)
    performer = Performer(GENERATOR, seed=5)
    pieces = [performer.write(line[at : at + chunk]) for at in range(0, len(line), chunk)]
    streamed = join([*pieces, performer.end()])
    np.testing.assert_array_equal(streamed.dynamics, whole.dynamics)
    np.testing.assert_array_equal(streamed.pose, whole.pose)


def test_the_random_face_moves_so_that_these_tests_mean_something():
    assert WHOLE.dynamics.std(0).mean() > 0.05
    assert len(WHOLE) == 75


@pytest.mark.parametrize("lookahead", [1, 2])
def test_a_block_hears_up_to_its_look_ahead_and_no_further(lookahead):
    about = dataclasses.replace(SMALL, lookahead_frames=lookahead)
    generator = DiffusionMotion(OpenVinoRuntime(random_model(about), precision="f32"))
    hop = 40
    other = LINE.copy()
    other[hop * HOP_SAMPLES :] = 0.3 * np.random.default_rng(0).standard_normal(
        len(other) - hop * HOP_SAMPLES
    )
    before = perform(generator, LINE, seed=5).dynamics
    after = perform(generator, other, seed=5).dynamics
    known = hop - lookahead  # the block that ended with hop 39 gave frames up to 39 - lookahead
    np.testing.assert_array_equal(after[:known], before[:known])
    assert np.abs(after[known : known + 2] - before[known : known + 2]).max() > 1e-3


def test_a_lane_does_not_know_its_neighbours():
    blocks = 130  # 10.4 s
    lines = np.stack([babble(10.5, seed=seed)[: blocks * BLOCK] for seed in range(5)])
    together_d, together_p, _ = run(lines, [1, 2, 3, 4, 9])
    alone_d, alone_p, _ = run(lines[4:], [9])
    assert np.abs(together_d[4] - alone_d[0]).max() < 1e-4
    assert np.abs(together_p[4] - alone_p[0]).max() < 1e-4
    assert np.abs(together_d[4] - together_d[3]).max() > 0.1


def test_more_lanes_than_one_batch_holds_are_all_served():
    lines = np.stack([np.roll(LINE[: 4 * BLOCK], 100 * i) for i in range(70)])
    dynamics, _, _ = run(lines, range(70))
    for lane in (0, 63, 64, 69):
        alone, _, _ = run(lines[lane : lane + 1], [lane])
        assert np.abs(dynamics[lane] - alone[0]).max() < 1e-4


def test_lanes_outside_the_mask_are_untouched():
    audio = np.stack([LINE[: 24 * BLOCK]] * 2)
    masks = np.ones((24, 2), bool)
    masks[8:16, 1] = False
    dynamics, pose, _ = run(audio, [4, 4], masks)
    assert not dynamics[1, 16:32].any() and not pose[1, 16:32].any()
    # The lane that stood still goes on as if the eight blocks of sound had never been.
    cut = np.concatenate([audio[1, : 8 * BLOCK], audio[1, 16 * BLOCK :]])
    expected, _, _ = run(cut[None], [4])
    shown = np.concatenate([dynamics[1, :16], dynamics[1, 32:]])
    assert np.abs(shown - expected[0]).max() < 1e-4


def test_a_step_without_lanes_does_nothing():
    _, _, state = run(np.stack([LINE[: 4 * BLOCK]] * 2), [1, 2])
    kept = state.take(np.arange(2))
    dynamics, _, _ = run(np.ones((2, BLOCK)), [], np.zeros((1, 2), bool), state=state)
    assert not dynamics.any()
    for name, array in kept._items():
        np.testing.assert_array_equal(getattr(state, name), array)


def test_reset_starts_only_the_lanes_in_its_mask_anew():
    audio = np.stack([LINE[: 10 * BLOCK]] * 2)
    _, _, state = run(audio, [1, 2])
    kept = state.take(np.array([0]))
    state.reset(np.array([False, True]), np.array([7, 8], np.uint64))
    fresh = GENERATOR.new_state(1)
    fresh.seed[:] = 8
    for name, array in kept._items():
        np.testing.assert_array_equal(getattr(state, name)[:1], array)
        np.testing.assert_array_equal(getattr(state, name)[1:], getattr(fresh, name))
    again, _, _ = run(audio, [], state=state)
    expected, _, _ = run(audio[1:], [8])
    assert np.abs(again[1] - expected[0]).max() < 1e-4


def test_a_seed_gives_the_same_motion_again_and_another_seed_another():
    again, other = perform(GENERATOR, LINE, seed=5), perform(GENERATOR, LINE, seed=6)
    np.testing.assert_array_equal(again.dynamics, WHOLE.dynamics)
    np.testing.assert_array_equal(again.pose, WHOLE.pose)
    assert np.abs(other.dynamics - WHOLE.dynamics).max() > 0.05


@pytest.mark.parametrize("kind", ["nan", "some nan", "inf", "huge", "full scale", "constant"])
def test_bad_sound_gives_finite_motion_and_does_not_poison_what_follows(kind):
    rng, n = np.random.default_rng(0), 6 * BLOCK
    noise = rng.standard_normal(n)
    bad = {
        "nan": np.full(n, np.nan),
        "some nan": np.where(noise > 2, np.nan, 0.1 * noise),
        "inf": np.full(n, -np.inf),
        "huge": 1e30 * noise,
        "full scale": np.sign(noise),
        "constant": np.ones(n),
    }[kind]
    audio = np.concatenate([bad, LINE[: 10 * BLOCK]]).astype(np.float32)
    dynamics, pose, state = run(audio[None], [1])
    assert np.isfinite(dynamics).all() and np.isfinite(pose).all()
    assert dynamics.min() >= 0 and dynamics.max() <= 1
    assert all(np.isfinite(array).all() for _, array in state._items())
    assert np.abs(dynamics[0, 12:]).std(0).max() > 0.05


class Broken(OpenVinoRuntime):
    """Now and then gives what is not a number."""

    def sample(self, block, times):
        out = super().sample(block, times)
        out[..., 1::3], out[..., ::2] = 1e9, np.nan
        return out


def test_a_network_that_fails_keeps_the_last_face_and_stays_within_bounds():
    _, _, state = run(LINE[None, : 4 * BLOCK], [1])
    before = state.history[0, -1].copy()
    broken = DiffusionMotion(Broken(RUNTIME.model, precision="f32"))
    dynamics, pose, state = run(LINE[None, : 4 * BLOCK], [], generator=broken, state=state)
    assert np.isfinite(dynamics).all() and np.isfinite(pose).all()
    np.testing.assert_array_equal(state.history[0, -1, ::2], before[::2])
    assert np.abs(state.history).max() <= 8.0


def test_wishes_that_are_not_numbers_count_as_no_wish():
    wish = Controls.neutral(2)
    for array in (wish.gaze_rad, wish.distance, wish.head, wish.blink):
        array[:] = np.nan
    wish.emotion[:, 1:] = np.nan
    spoilt, pose, _ = run(LINE[None, : 6 * BLOCK], [1], controls=[wish])
    clean, clean_pose, _ = run(LINE[None, : 6 * BLOCK], [1])
    np.testing.assert_array_equal(spoilt, clean)
    np.testing.assert_array_equal(pose, clean_pose)


def test_wishes_reach_the_network():
    plain, _, _ = run(LINE[None, :BLOCK], [1])
    for change in ({"gaze_rad": 0.3}, {"distance": 1.3}, {"emotion": 0.5}):
        wish = Controls.neutral(2)
        for name, value in change.items():
            getattr(wish, name)[:] = value
        changed, _, _ = run(LINE[None, :BLOCK], [1], controls=[wish])
        assert np.abs(changed - plain).max() > 1e-3, change


def test_a_wished_head_and_blink_lie_on_top_and_are_not_remembered():
    plain, plain_pose, state = run(LINE[None, : 6 * BLOCK], [1])
    wish = Controls.neutral(2)
    wish.head[:] = (0.05, -0.1, 0.02)
    wish.blink[:] = (0.0, 1.0)
    dynamics, pose, moved = run(LINE[None, : 6 * BLOCK], [1], controls=[wish])
    np.testing.assert_array_equal(moved.history, state.history)
    assert np.abs(pose[..., :3] - plain_pose[..., :3] - wish.head[0]).max() < 1e-6
    np.testing.assert_array_equal(pose[..., 3:], plain_pose[..., 3:])
    lids = [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]
    assert (dynamics[0, 1::2, lids] == 1).all()
    np.testing.assert_array_equal(dynamics[0, ::2, lids], plain[0, ::2, lids])
    # The head turned to the subject's right; to hold their target the eyes turn left in it.
    out_left = ARKIT_INDEX["eyeLookOutLeft"], ARKIT_INDEX["eyeLookInLeft"]
    turn = dynamics[..., out_left[0]] - dynamics[..., out_left[1]]
    was = plain[..., out_left[0]] - plain[..., out_left[1]]
    assert (turn >= was).all() and (turn - was).mean() > 0.01
    assert POSE.stop - POSE.start == 6


def test_guidance_of_zero_is_no_guidance_and_more_is_something_else():
    audio = LINE[None, : 6 * BLOCK]
    plain, _, _ = run(audio, [1])
    zero, _, _ = run(audio, [1], generator=DiffusionMotion(RUNTIME, guidance=Guidance(0, 0, 0)))
    strong, _, _ = run(audio, [1], generator=DiffusionMotion(RUNTIME, guidance=Guidance(audio=1)))
    np.testing.assert_array_equal(zero, plain)
    assert np.abs(strong - plain).max() > 0.01


def test_a_wished_distance_is_kept_whatever_the_network_makes_of_it_and_is_not_remembered():
    audio, near = LINE[None, : 14 * BLOCK], Controls.neutral(2)
    near.distance[:] = 0.8
    _, plain_pose, state = run(audio, [1])
    _, pose, moved = run(audio, [1], controls=[near])
    away = (pose - plain_pose)[0, :, 5] / CAMERA_HEAD_WIDTHS
    blind = Controls.neutral(2)
    blind.distance[:] = np.nan
    _, unasked, _ = run(audio, [1], controls=[blind])
    np.testing.assert_array_equal(unasked, plain_pose)
    assert 0 < away[0] < 0.02 and (np.diff(away) > -0.05).all()
    assert moved.away[0, 1] == pytest.approx(-0.2, abs=2e-3)
    # Head and wish part only by what the network makes of being asked, never by the law.
    law, _ = approach(np.zeros((1, 2)), np.full((1, len(away)), 0.8, np.float32))
    alone = moved.history[0, -1, POSE][5] - state.history[0, -1, POSE][5]
    assert pose[0, -1, 5] - plain_pose[0, -1, 5] == pytest.approx(law[0, -1] + alone, abs=1e-4)


def test_the_way_to_a_distance_is_the_same_in_any_pieces_and_never_overshoots():
    wish = np.repeat(np.float32([[1.0, 0.75, 1.35, np.nan, 9.0]]), 20, axis=1)
    whole, end = approach(np.zeros((1, 2)), wish)
    pieces, away = [], np.zeros((1, 2))
    for at in range(0, 100, 2):
        piece, away = approach(away, wish[:, at : at + 2])
        pieces.append(piece)
    np.testing.assert_array_equal(np.concatenate(pieces, 1), whole)
    np.testing.assert_array_equal(away, end)
    kept = 1.0 - whole[0] / CAMERA_HEAD_WIDTHS
    np.testing.assert_allclose(kept[[19, 39, 59, 79, 99]], [1.0, 0.75, 1.35, 1.0, 2.0], atol=0.02)
    assert kept.min() > 0.7499 and kept[20:60].max() < 1.3501
    assert 9 <= np.argmax(kept[20:] < 0.775) <= 14  # nine tenths of the way in half a second


def about(**changes):
    """A generator with the same tensors and other advice in the file's header."""
    return DiffusionMotion(
        OpenVinoRuntime(random_model(dataclasses.replace(SMALL, **changes)), precision="f32")
    )


def test_without_noise_every_seed_performs_alike():
    audio, cold = LINE[None, : 6 * BLOCK], about(temperature=0.0)
    one, _, _ = run(audio, [1], generator=cold)
    two, _, _ = run(audio, [2], generator=cold)
    np.testing.assert_array_equal(one, two)
    warm = [run(audio, [seed])[0] for seed in (1, 2)]
    hot = [run(audio, [seed], generator=about(temperature=2.0))[0] for seed in (1, 2)]
    assert np.abs(hot[0] - hot[1]).mean() > np.abs(warm[0] - warm[1]).mean() > 0.01


def test_articulation_widens_what_speaks_and_is_not_remembered():
    audio = LINE[None, : 6 * BLOCK]
    plain, plain_pose, state = run(audio, [1])
    wide, wide_pose, wider = run(audio, [1], generator=about(articulation=1.5))
    np.testing.assert_array_equal(wider.history, state.history)
    np.testing.assert_array_equal(wide_pose, plain_pose)
    jaw, smile, blink = (
        ARKIT_INDEX[name] for name in ("jawOpen", "mouthSmileLeft", "eyeBlinkLeft")
    )
    np.testing.assert_allclose(wide[..., jaw], np.minimum(1.5 * plain[..., jaw], 1.0), rtol=1e-6)
    assert (wide[..., jaw] > plain[..., jaw]).any()
    for other in (smile, blink):
        np.testing.assert_array_equal(wide[..., other], plain[..., other])


def test_firm_lips_shut_where_they_nearly_meet_and_leave_the_jaw_alone():
    def face(**weights):
        out = np.zeros((1, 52), np.float32)
        for name, weight in weights.items():
            out[0, ARKIT_INDEX[name]] = weight
        return out

    nearly = face(jawOpen=0.05, mouthLowerDownLeft=0.02, browDownLeft=0.4)
    wide = face(jawOpen=0.6, mouthLowerDownLeft=0.3, browDownLeft=0.4)
    np.testing.assert_array_equal(said(nearly, 1.0, 0.0), nearly)
    np.testing.assert_array_equal(said(wide, 1.0, 0.05), wide)
    assert not closed(nearly).any()
    shut = said(nearly, 1.0, 0.05)
    assert closed(shut).all()
    for name in ("jawOpen", "browDownLeft"):
        assert shut[0, ARKIT_INDEX[name]] == nearly[0, ARKIT_INDEX[name]]
    at_rest = said(face(), 1.25, 0.05)
    assert not at_rest.any()


def test_steps_can_change_from_block_to_block_over_one_state():
    audio = LINE[None, : 6 * BLOCK]
    fewer = GENERATOR.with_steps(1)
    assert (fewer.steps, GENERATOR.steps, fewer.runtime) == (1, SMALL.steps, RUNTIME)
    _, _, state = run(audio, [1])
    after, _, state = run(audio, [], generator=fewer, state=state)
    assert np.isfinite(after).all() and state.blocks.tolist() == [12]
    other, _, _ = run(audio, [1], generator=fewer)
    plain, _, _ = run(audio, [1])
    assert np.abs(other - plain).max() > 0.01


def test_a_state_knows_its_size_and_does_not_grow():
    state = GENERATOR.new_state(3)
    size = state.lane_bytes
    _, _, state = run(np.stack([LINE[: 20 * BLOCK]] * 3), [], state=state)
    assert state.lane_bytes == size
    full = DiffusionState.fresh(1, type(SMALL)())
    assert 520_000 < full.lane_bytes < 540_000  # what the docstring says


def test_levels_are_the_means_of_eight_bands_over_both_mel_frames():
    slices = np.random.default_rng(0).standard_normal((2, 3, SLICE)).astype(np.float32)
    first = [*range(0, 8), *range(64, 72)]
    np.testing.assert_allclose(levels(slices)[..., 0], slices[..., first].mean(-1), atol=1e-6)


def test_a_wrong_state_and_wrong_shapes_are_named():
    state, mask = GENERATOR.new_state(2), np.ones(2, bool)
    sound, wishes = np.zeros((2, BLOCK), np.float32), [Controls.neutral(2)] * 2
    with pytest.raises(TypeError, match="SignalState"):
        GENERATOR.step(SignalMotion().new_state(2), sound, wishes, mask)
    with pytest.raises(ValueError, match=r"audio \[2, 1280\]"):
        GENERATOR.step(state, sound[:, :640], wishes, mask)
    with pytest.raises(ValueError, match="2 controls"):
        GENERATOR.step(state, sound, wishes[:1], mask)
    with pytest.raises(ValueError, match="2 frames long"):
        GENERATOR.step(state, sound, [Controls.neutral(1)] * 2, mask)
