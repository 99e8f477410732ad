"""Motion found from two sets of points leads from one to the other."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from mien.models.capture.points import LANDMARKS
from mien.models.codec.pose import PUBLIC_TO_PICTURE, rotation_matrix, rotation_vector
from mien.models.codec.rig import Rig
from mien.models.codec.warm import stand_in
from mien.models.enrolment.framing import Frame
from mien.models.motion.types import ARKIT_INDEX, COEFFICIENTS
from training.evaluation.codec.contenders import GEOMETRY, LEARNED, STATIC, contenders
from training.evaluation.codec.driving import (
    Seen,
    relative_face,
    relative_pose,
    residual_iod,
)
from training.evaluation.codec.material import Take
from training.evaluation.codec.people import Person, judge
from training.evaluation.codec.shots import RIGID, names_of
from training.evaluation.codec.sitting import Sitting, png_of
from training.studio.labels import LABEL_SHAPES, Labels

SIGNS = np.diag(PUBLIC_TO_PICTURE)
IDS = list(LANDMARKS)


@pytest.fixture(scope="module")
def character():
    """The mean face with a pattern on it."""
    plain = stand_in()
    rough = np.random.default_rng(1).uniform(0, 255, (512, 512, 3))
    portrait = np.asarray(cv2.GaussianBlur(rough, (0, 0), 6.0))
    portrait = ((portrait - portrait.mean()) * 6 + 128).clip(0, 255).astype(np.uint8)
    arrays = {**plain.arrays, "portrait": portrait, "plate": portrait}
    return type(plain)("pattern", plain.provenance, plain.thumbnail, arrays)


@pytest.fixture(scope="module")
def rig(character):
    return Rig({**character.geometry, "landmarks": character.arrays["landmarks"]})


def seen(rig, dynamics, pose):
    """What exact labels would say of a posed rig."""
    posed = rig.pose(dynamics, pose)
    turn = SIGNS @ posed.rigid.turn @ rig.rotation @ SIGNS
    return Seen(posed.points[IDS, :2], np.ones(len(IDS)), turn)


def face(**coefficients):
    found = np.zeros(COEFFICIENTS, np.float32)
    for name, value in coefficients.items():
        found[ARKIT_INDEX[name]] = value
    return found


REST = (face(), np.zeros(6, np.float32))


@pytest.mark.parametrize(
    "pose",
    [(0, 0, 0, 0, 0, 0), (0.1, -0.15, 0.1, 0.1, -0.05, 0.4), (0, 0.22, 0, 0, 0, -0.5),
     (0, 0.5, -0.33, 0, 0, 0)],
)  # fmt: skip
def test_a_pose_is_found_again_even_where_the_rig_compresses_it(rig, pose):
    pose = np.array(pose, np.float32)
    source, target = seen(rig, *REST), seen(rig, face(), pose)
    found = relative_pose(rig, source, target)
    away = rig.rigid(found).turn.T @ rig.rigid(pose).turn
    assert np.degrees(np.linalg.norm(rotation_vector(away))) < 0.75
    assert residual_iod(rig, source, target, found) < 0.004
    assert residual_iod(rig, source, target, REST[1]) > 0.02 or not pose.any()


def test_a_turn_beyond_the_limits_is_asked_for_no_further_than_they_go(rig):
    source = seen(rig, *REST)
    profile = source.rotation @ rotation_matrix(np.array([0.0, 0.8, 0.0]))
    found = relative_pose(rig, source, Seen(source.points, source.visible, profile))
    vector = rotation_vector(rig.rotation.T @ rig.rigid(found).turn @ rig.rotation)
    assert -vector[1] == pytest.approx(0.97 * rig.limits[1], rel=0.01)
    assert np.isfinite(found).all()


def test_an_expression_does_not_pass_for_a_pose(rig):
    target = seen(rig, face(jawOpen=0.6, mouthSmileLeft=0.8), REST[1])
    found = relative_pose(rig, seen(rig, *REST), target)
    assert np.abs(found[:3]).max() < 0.01
    assert np.abs(found[3:5]).max() < 0.02


def test_coefficients_count_from_the_portraits_own():
    found = relative_face(face(jawOpen=0.6, browInnerUp=0.1), face(jawOpen=0.2, browInnerUp=0.3))
    assert found[ARKIT_INDEX["jawOpen"]] == pytest.approx(0.4)
    assert found[ARKIT_INDEX["browInnerUp"]] == 0.0


def test_eyes_that_looked_left_and_look_ahead_have_turned_right():
    found = relative_face(face(), face(eyeLookOutLeft=0.3, eyeLookUpLeft=0.1))
    assert found[ARKIT_INDEX["eyeLookInLeft"]] == pytest.approx(0.3)
    assert found[ARKIT_INDEX["eyeLookDownLeft"]] == pytest.approx(0.1)
    assert found[ARKIT_INDEX["eyeLookOutLeft"]] == 0.0


def labels_of(rig, dynamics, pose):
    there = seen(rig, dynamics, pose)
    values = {name: np.zeros(shape, np.float32) for name, shape in LABEL_SHAPES.items()}
    values["coefficients"] = dynamics
    values["points"][:, :2] = (there.points + 0.5) / 512
    values["visible"] += 1
    values["rotation"] = rotation_vector(there.rotation).astype(np.float32)
    values["iod"] += rig.scale / 512
    return Labels(**values)


def test_frames_that_geometry_itself_drew_are_found_again(character, rig):
    """From labels to motion to pixels and figures: only roundings are lost."""
    can, why = contenders(character)
    names = names_of(1)
    rng, labels, pngs = np.random.default_rng(5), [], []
    for index, name in enumerate(names):
        along = (index - names.index("slow jaw")) / 12
        dynamics, pose = face(), np.zeros(6, np.float32)
        if name.startswith("slow"):
            dynamics = face(jawOpen=0.3 * along)
        elif index:
            pose[:5] = rng.normal(size=5) * (0.05, 0.1, 0.05, 0.03, 0.03)
            dynamics = face() if name == RIGID else face(jawOpen=0.5, eyeLookUpRight=0.4)
        labels.append(labels_of(rig, dynamics, pose))
        pngs.append(png_of(can[GEOMETRY](dynamics, pose)))
    sitting = Sitting(character, rig, Frame(0.0, 0.0, 512.0), can, why)
    person, tallies = Person(Take(1, names, labels, pngs), sitting), {}
    judge(person, tallies, None)
    geometry, static = tallies[GEOMETRY].figures(), tallies[STATIC].figures()
    assert max(person.rigid_residuals()) < 0.005
    assert geometry["face_psnr"] > static["face_psnr"] + 8
    assert geometry["face_psnr"] > 30
    assert geometry["mouth_psnr"] > static["mouth_psnr"]
    assert geometry["flicker"] < 1.0
    assert static["flicker"] == 0.0


def test_between_stretched_lips_there_is_skin_and_no_mouth(character):
    from training.evaluation.codec.contenders import STRETCHED, contenders

    can, why = contenders(character)
    assert set(can) == {STATIC, GEOMETRY, STRETCHED, LEARNED} and not why
    open_wide = REST[0].copy()
    open_wide[ARKIT_INDEX["jawOpen"]] = 0.7
    drawn, stretched = (can[who](open_wide, REST[1]).astype(int) for who in (GEOMETRY, STRETCHED))
    box = np.abs(drawn - stretched).sum(-1) > 30
    rows, columns = np.nonzero(box)
    assert len(rows) > 300 and np.ptp(rows) < 160 and np.ptp(columns) < 200  # the mouth alone
    assert stretched[box].mean() > drawn[box].mean() + 15  # skin where a dark mouth was


def test_weights_that_are_missing_are_said_and_bugs_are_not_hidden(character, monkeypatch):
    from mien.models.codec.skin_weights import SkinWeightsError
    from training.evaluation.codec import contenders as who

    problem: list[Exception] = [SkinWeightsError("no weights of skin maps")]

    def make(character, learned=True, profile="cpu"):
        if learned:
            raise problem[0]
        return SimpleNamespace(decode=None)

    monkeypatch.setattr(who, "Decoder", make)
    can, why = who.contenders(character)
    assert LEARNED not in can and why == {LEARNED: "no weights of skin maps"}
    problem[0] = ZeroDivisionError("a bug")
    with pytest.raises(ZeroDivisionError):
        who.contenders(character)
