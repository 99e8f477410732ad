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


def test_learned_parts_that_are_not_there_are_null_with_a_reason(character, monkeypatch):
    from training.evaluation.codec import contenders as who

    monkeypatch.setattr(who, "has_learned_parts", lambda: False)
    can, why = who.contenders(character)
    assert set(can) == {STATIC, GEOMETRY}
    assert "no learned parts" in why[LEARNED]


def test_a_decoder_with_learned_parts_is_asked_for_both(character, monkeypatch):
    from training.evaluation.codec import contenders as who

    asked = []

    class Learning:
        gflop = 1.5

        def __init__(self, character, learned=True):
            asked.append(learned)
            self.learned = learned

        def decode(self, dynamics, pose):
            return np.full((512, 512, 4), 200 if self.learned else 100, np.uint8)

    monkeypatch.setattr(who, "Decoder", Learning)
    can, why = who.contenders(character)
    assert sorted(asked) == [False, True] and not why
    assert can[LEARNED](*REST).shape == (512, 512, 3)
    assert can[LEARNED](*REST)[0, 0, 0] == 200 and can[GEOMETRY](*REST)[0, 0, 0] == 100
    assert who.gflop(character) == 1.5


def test_weights_that_learned_parts_lack_are_said_and_bugs_are_not_hidden(character, monkeypatch):
    from mien.models.capture.weights import EncoderWeightsError
    from training.evaluation.codec import contenders as who

    problem: list[Exception] = [EncoderWeightsError("no weights of the mouth")]

    def make(character, learned):
        if learned:
            raise problem[0]
        return SimpleNamespace(decode=None)

    monkeypatch.setattr(who, "has_learned_parts", lambda: True)
    monkeypatch.setattr(who, "Decoder", make)
    assert who.contenders(character)[1] == {LEARNED: "no weights of the mouth"}
    problem[0] = ZeroDivisionError("a bug")
    with pytest.raises(ZeroDivisionError):
        who.contenders(character)
