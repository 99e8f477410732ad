"""A decoded frame keeps its promises: the portrait at rest, lips that meet, shoulders that stay."""

from __future__ import annotations

import numpy as np
import pytest

from mien.models.codec import topology
from mien.models.codec.decoder import Decoder
from mien.models.codec.eyes import slit_of
from mien.models.codec.lips import LOWER, UPPER
from mien.models.codec.rig import EYES, soft_limit
from mien.models.motion import ARKIT_INDEX, ARKIT_NAMES

STILL = np.zeros(6, np.float32)
CHARACTERS = ["calm", "grinning", "turned"]


def dynamics(**values: float) -> np.ndarray:
    """Coefficients by name; a stem sets both sides."""
    out = np.zeros(52, np.float32)
    for stem, value in values.items():
        names = [stem] if stem in ARKIT_INDEX else [stem + "Left", stem + "Right"]
        out[[ARKIT_INDEX[name] for name in names]] = value
    return out


def pose(pitch: float = 0.0, yaw: float = 0.0, roll: float = 0.0, **shift: float) -> np.ndarray:
    """A public pose, angles in degrees."""
    turns = np.radians([pitch, yaw, roll])
    return np.array([*turns, *(shift.get(k, 0.0) for k in "xyz")], np.float32)


BILABIAL = dynamics(jawOpen=0.1, mouthClose=0.1, mouthPress=0.3, mouthRollLower=0.2)


def lip_gaps_px(decoder: Decoder, coefficients: np.ndarray) -> np.ndarray:
    shape = decoder.rig.pose(coefficients, STILL).shape
    return (shape[LOWER, 1] - shape[UPPER, 1]) * decoder.rig.scale


@pytest.mark.parametrize("who", CHARACTERS)
def test_at_rest_the_frame_is_the_portrait(who: str, request: pytest.FixtureRequest) -> None:
    decoder: Decoder = request.getfixturevalue(who)
    frame = decoder.decode(dynamics(), STILL)
    portrait = decoder.portrait
    difference = np.abs(frame[..., :3].astype(int) - portrait)
    assert difference.max() <= 1
    assert (frame[..., 3] == 255).all()


@pytest.mark.parametrize("who", CHARACTERS)
def test_lips_meet_for_p_b_and_m_whatever_the_portrait_does(
    who: str, request: pytest.FixtureRequest
) -> None:
    decoder: Decoder = request.getfixturevalue(who)
    assert lip_gaps_px(decoder, BILABIAL).max() < 0.5


@pytest.mark.parametrize("jaw", [0.05, 0.2, 0.4, 0.8])
def test_a_closed_mouth_over_an_open_jaw_stays_closed(grinning: Decoder, jaw: float) -> None:
    closed = dynamics(jawOpen=jaw, mouthClose=jaw)
    assert lip_gaps_px(grinning, closed).max() < 0.5


def test_lips_never_pass_through_each_other(grinning: Decoder, calm: Decoder) -> None:
    rng = np.random.default_rng(5)
    for decoder in (grinning, calm):
        floor = decoder.rig.lips.floor
        for _ in range(100):
            coefficients = (rng.random(52) * (rng.random(52) < 0.3)).astype(np.float32)
            shape = decoder.rig.pose(coefficients, STILL).shape
            gap = shape[LOWER, 1] - shape[UPPER, 1]
            assert (gap >= floor - 0.004).all()


def test_closing_is_gradual(grinning: Decoder) -> None:
    gaps = [
        lip_gaps_px(grinning, dynamics(jawOpen=0.2, mouthClose=close)).mean()
        for close in np.linspace(0.0, 0.2, 21)
    ]
    assert gaps[0] > 10.0
    assert gaps[-1] < 0.5
    assert np.diff(gaps).max() < 0.5  # never opens on the way
    assert -np.diff(gaps).min() < 0.35 * gaps[0]  # never jumps shut


@pytest.mark.parametrize("name", [n for n in ARKIT_NAMES if n != "mouthClose"])
def test_every_coefficient_shows(calm: Decoder, name: str) -> None:
    rest = calm.decode(dynamics(), STILL)[..., :3].astype(int)
    moved = calm.decode(dynamics(**{name: 1.0}), STILL)[..., :3].astype(int)
    changed = np.abs(moved - rest).max(-1) > 12
    assert changed.sum() > 40
    side = 1 if name.endswith("Left") else -1 if name.endswith("Right") else 0
    if side and not name.startswith(("mouthLeft", "mouthRight", "jaw")):
        columns = np.nonzero(changed)[1]
        centre = calm.rig.landmarks[topology.NOSE_TIP, 0]
        assert ((columns - centre) * side > -12).mean() > 0.7  # the subject's left is image right


def test_mouth_close_shows_against_an_open_jaw(calm: Decoder) -> None:
    opened = lip_gaps_px(calm, dynamics(jawOpen=0.5)).mean()
    closed = lip_gaps_px(calm, dynamics(jawOpen=0.5, mouthClose=0.5)).mean()
    assert opened > 15.0
    assert closed < 0.5


def test_lids_meet_in_a_blink(calm: Decoder, turned: Decoder) -> None:
    for decoder in (calm, turned):
        posed = decoder.rig.pose(dynamics(eyeBlink=1.0), pose(yaw=5, roll=8))
        for eye in EYES:
            slit = slit_of(posed, eye, 512)
            assert (slit.bottom - slit.top).max() < 0.6


@pytest.mark.parametrize(
    ("name", "axis", "sign"),
    [
        ("eyeLookOutLeft", 1, 1),
        ("eyeLookInLeft", 1, -1),
        ("eyeLookUpLeft", 0, -1),
        ("eyeLookDownLeft", 0, 1),
    ],
)
def test_the_iris_goes_where_the_eye_looks(calm: Decoder, name: str, axis: int, sign: int) -> None:
    x, y = np.round(calm.rig.landmarks[topology.LEFT_IRIS[0], :2]).astype(int)

    def centroid(coefficients: np.ndarray) -> float:
        frame = calm.decode(coefficients, STILL)[..., :3].astype(int)
        dark = frame[y - 20 : y + 20, x - 34 : x + 34].sum(-1) < 260
        return float(np.nonzero(dark)[axis].mean())

    moved = centroid(dynamics(**{name: 0.8})) - centroid(dynamics())
    assert moved * sign > 1.0


def test_the_background_and_the_shoulders_stay_still(calm: Decoder) -> None:
    rest = calm.decode(dynamics(), STILL).astype(int)
    moved = calm.decode(dynamics(jawOpen=0.5), pose(pitch=6, yaw=15, roll=8, x=0.05)).astype(int)
    change = np.abs(moved - rest).max(-1)
    assert change[:, :20].max() <= 1  # plate
    assert change[:, -20:].max() <= 1
    assert change[500:].max() <= 2  # torso
    assert change[200:300, 200:300].max() > 40  # while the face did move


def test_head_turns_and_comes_closer_the_right_way(calm: Decoder) -> None:
    def nose_and_width(p: np.ndarray) -> tuple[np.ndarray, float]:
        points = calm.rig.pose(dynamics(), p).points
        return points[topology.NOSE_TIP, :2], float(np.linalg.norm(points[33] - points[263]))

    nose, width = nose_and_width(STILL)
    assert nose_and_width(pose(yaw=10))[0][0] > nose[0] + 5  # toward the subject's left
    assert nose_and_width(pose(pitch=10))[0][1] > nose[1] + 5  # looks down
    assert nose_and_width(pose(x=0.1))[0][0] > nose[0] + 5
    assert nose_and_width(pose(y=0.1))[0][1] < nose[1] - 5
    assert nose_and_width(pose(z=0.5))[1] > width * 1.02


def test_turns_stay_within_what_the_portrait_bears(turned: Decoder) -> None:
    limits = turned.rig.limits
    assert limits[1] < np.radians(12)  # hardly any further to the side it is turned to
    for sign in (-1.0, 1.0):
        rigid = turned.rig.rigid(np.full(6, sign * 50.0, np.float32))
        assert np.isfinite(rigid.turn).all()
        assert np.arccos((np.trace(rigid.turn) - 1) / 2) < np.linalg.norm([0.4, 0.25, 0.36])


def test_soft_limit_leaves_small_turns_alone_and_never_passes_the_limit() -> None:
    values = np.linspace(-3, 3, 301)
    limited = np.array([soft_limit(v, -0.3, 0.5) for v in values])
    assert np.allclose(limited[np.abs(values) < 0.17], values[np.abs(values) < 0.17])
    assert limited.min() >= -0.3
    assert limited.max() <= 0.5
    assert (np.diff(limited) >= 0).all()


def test_values_out_of_range_are_clipped_and_nan_is_rest(calm: Decoder) -> None:
    rest = calm.decode(dynamics(), STILL)
    bad = np.full(52, np.nan, np.float32)
    assert np.array_equal(calm.decode(bad, np.full(6, np.nan, np.float32)), rest)
    far = calm.decode(dynamics(jawOpen=1e9), STILL)
    assert np.array_equal(far, calm.decode(dynamics(jawOpen=1.0), STILL))


def test_a_wrong_shape_says_what_was_expected(calm: Decoder) -> None:
    with pytest.raises(ValueError, match=r"\[52\]"):
        calm.decode(np.zeros(51, np.float32), STILL)


def test_frames_do_not_depend_on_what_was_decoded_before(calm: Decoder) -> None:
    wanted = (dynamics(jawOpen=0.4, mouthSmile=0.3), pose(yaw=7))
    first = calm.decode(*wanted)
    calm.decode(dynamics(tongueOut=1.0, eyeBlink=1.0), pose(yaw=-15, roll=10))
    assert np.array_equal(calm.decode(*wanted), first)


def test_clones_share_the_character_but_not_their_work(calm: Decoder) -> None:
    clone = calm.clone()
    wanted = (dynamics(jawOpen=0.4), pose(yaw=7))
    first = calm.decode(*wanted)
    clone.decode(dynamics(eyeBlink=1.0), pose(yaw=-15))
    assert np.array_equal(calm.decode(*wanted), first)
    assert np.array_equal(clone.decode(*wanted), first)
    assert clone.level(512) is calm.level(512)


def test_a_given_buffer_is_filled(calm: Decoder) -> None:
    buffer = np.zeros((512, 512, 4), np.uint8)
    assert calm.decode(dynamics(), STILL, buffer) is buffer
    assert np.array_equal(buffer, calm.decode(dynamics(), STILL))


def test_own_teeth_stay_where_they_are_when_the_jaw_drops(grinning: Decoder) -> None:
    x, y = np.round(grinning.rig.landmarks[[13], :2].mean(0)).astype(int)
    window = (slice(y + 10, y + 14), slice(x - 8, x + 8))
    before = grinning.decode(dynamics(), STILL)[window][..., :3].astype(int)
    after = grinning.decode(dynamics(jawOpen=0.8), STILL)[window][..., :3].astype(int)
    assert np.abs(after - before).mean() < 8


def test_who_was_enrolled_laughing_still_narrows_the_mouth_to_speak(grinning: Decoder) -> None:
    at_rest = lip_gaps_px(grinning, dynamics())[4]
    narrow = lip_gaps_px(grinning, dynamics(jawOpen=0.1))[4]
    meant = grinning.rig.lips.gap_basis[ARKIT_INDEX["jawOpen"]][4] * 0.1 * grinning.rig.scale
    assert meant < narrow < 0.7 * at_rest
