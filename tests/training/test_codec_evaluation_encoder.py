"""What needs the motion encoder: read from drawings whose motion is known, or by chance weights."""

from importlib.resources import files

import av
import numpy as np
import pytest

from mien.models.capture.points import LANDMARKS
from mien.models.capture.reader import FaceReader, Look
from mien.models.capture.shapes import MotionEncoderShape
from mien.models.capture.weights import EncoderModel, expected_tensors
from mien.models.codec.pose import PUBLIC_TO_PICTURE, rotation_matrix, rotation_vector
from mien.models.motion.types import ARKIT_INDEX, COEFFICIENTS, Motion
from training.evaluation.codec import clips, encoding, repeating
from training.evaluation.codec.contenders import GEOMETRY, STATIC
from training.evaluation.codec.features import Features
from training.evaluation.codec.material import Take
from training.evaluation.codec.shots import names_of
from training.evaluation.codec.sitting import enrolled, png_of
from training.studio.labels import LABEL_SHAPES, Labels

SIGNS = np.diag(PUBLIC_TO_PICTURE)
FRAMES = 40


@pytest.fixture(scope="module")
def chance():
    """An encoder that has learned nothing."""
    shape, rng = MotionEncoderShape(), np.random.default_rng(0)
    tensors = {
        name: rng.normal(0, 1 / np.sqrt(np.prod(size[1:]) or 1), size).astype(np.float32)
        for name, size in expected_tensors(shape).items()
    }
    return EncoderModel(shape, tensors)


@pytest.fixture(scope="module")
def sitting():
    portrait = files("mien.models").joinpath("data/demo/captain.jpg").read_bytes()
    return enrolled(portrait, "captain")


def motion_at(k):
    """A nod with an opening mouth; frame 0 is the portrait."""
    face = np.zeros(COEFFICIENTS, np.float32)
    face[ARKIT_INDEX["jawOpen"]] = 0.5 * np.sin(k / 6) ** 2
    pose = np.zeros(6, np.float32)
    pose[:2] = 0.06 * np.sin(k / 5), 0.1 * np.sin(k / 7)
    return face, pose


def look_of(sitting, k):
    """What a perfect encoder sees in a drawn frame; its code carries the coefficients."""
    face, pose = motion_at(k)
    posed = sitting.rig.pose(face, pose)
    turn = SIGNS @ posed.rigid.turn @ sitting.rig.rotation @ SIGNS
    return Look(posed.points[list(LANDMARKS), :2], np.ones(len(LANDMARKS), np.float32), turn,
                np.zeros((2, 2)), face, np.zeros(2 * len(LANDMARKS), np.float32))  # fmt: skip


class PerfectReader:
    def motion(self, look, neutral=None):
        return look.code


@pytest.fixture(scope="module")
def clip(sitting, tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "nod.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", 25)
        stream.width = stream.height = 512
        stream.pix_fmt, stream.options = "yuv444p", {"crf": "12"}
        for k in range(FRAMES):
            shown = sitting.drawings[GEOMETRY](*motion_at(k))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, "rgb24")))
        container.mux(stream.encode())
    return path


def test_a_clip_is_reenacted_from_its_first_frame(sitting, clip, monkeypatch):
    class Following:
        lost = 0

        def __init__(self, reader):
            self.count = -1

        def look(self, picture):
            self.count += 1
            return look_of(sitting, self.count)

    monkeypatch.setattr(clips, "Follower", Following)
    # The clip is the portrait's own size: frame 0 is cut as the portrait was.
    monkeypatch.setattr(clips, "enrolled", lambda png, name, profile: sitting)
    monkeypatch.setattr(type(sitting), "cut", lambda self, picture: picture)
    monkeypatch.setattr(clips, "from_look", lambda look, frame: clips_seen(look))
    found = clips.reenact(clip, PerfectReader(), None)
    geometry, static = found[GEOMETRY].figures(), found[STATIC].figures()
    assert found[GEOMETRY].count("face_psnr") == (FRAMES - 1) // clips.EVERY
    assert geometry["face_psnr"] > static["face_psnr"] + 4
    assert geometry["mouth_psnr"] > static["mouth_psnr"]
    assert static["flicker"] == 0.0


def clips_seen(look):
    from training.evaluation.codec.driving import Seen

    return Seen(look.points, look.visible.astype(np.float64), look.rotation)


def test_a_clip_without_a_face_says_so(clip, monkeypatch):
    class Blind:
        lost = 0

        def __init__(self, reader):
            pass

        def look(self, picture):
            return None

    monkeypatch.setattr(clips, "Follower", Blind)
    with pytest.raises(clips.ClipError, match="first frame"):
        clips.reenact(clip, PerfectReader(), None)


def test_feature_distance_is_zero_for_equals_and_grows_with_damage(chance, sitting):
    features = Features(chance)
    portrait = sitting.character.arrays["portrait"]
    points = sitting.rig.landmarks[list(LANDMARKS), :2]
    noise = np.random.default_rng(1).normal(0, 1, portrait.shape)
    worse = [(portrait + size * noise).clip(0, 255).astype(np.uint8) for size in (10, 40)]
    little, much = (features.distance(portrait, picture, points) for picture in worse)
    assert features.distance(portrait, portrait, points) == 0.0
    assert 0 < little < much


class Telling:
    """A reader that tells the truth of a take, a little late: it is asked frame by frame."""

    def __init__(self, take, gaze_deg=0.0, turn_deg=0.0, aside_px=0.0):
        self.take, self.gaze_deg, self.turn_deg, self.aside = take, gaze_deg, turn_deg, aside_px
        self.next = 0

    def look(self, picture, near, passes):
        labels = self.take.labels[self.next]
        self.next += 1
        gaze = np.radians(labels.gaze_head_deg + np.array([self.gaze_deg, 0.0]))
        turn = rotation_matrix(labels.rotation) @ rotation_matrix(
            np.array([0, np.radians(self.turn_deg), 0])
        )
        points = encoding.pixels(labels) + np.array([self.aside, 0.0])
        return Look(points, labels.visible, turn, gaze, labels.coefficients, np.zeros(1))

    def motion(self, look, neutral=None):
        return look.code


def take_by_chance():
    names, rng, labels = names_of(0), np.random.default_rng(4), []
    for _ in names:
        values = {name: np.zeros(shape, np.float32) for name, shape in LABEL_SHAPES.items()}
        values["coefficients"] = rng.uniform(0, 0.6, COEFFICIENTS).astype(np.float32)
        values["gaze_head_deg"] = np.zeros((2, 2), np.float32)
        values["points"] = rng.uniform(0.3, 0.7, values["points"].shape).astype(np.float32)
        values["visible"] += 1
        values["rotation"] = rotation_vector(rotation_matrix(rng.normal(0, 0.1, 3)))
        values["iod"] += 0.25
        labels.append(Labels(**values))
    png = png_of(np.zeros((512, 512, 3), np.uint8))
    return Take(1, names, labels, [png] * len(names))


def test_errors_of_a_reader_are_measured_as_made():
    take, reading = take_by_chance(), encoding.Reading()
    encoding.read_person(take, Telling(take, gaze_deg=4.0, turn_deg=2.5, aside_px=1.28), reading)
    figures = reading.figures()
    assert figures["gaze_deg"] == pytest.approx(4.0, abs=0.01)
    assert figures["pose_deg"] == pytest.approx(2.5, abs=0.01)
    assert figures["points_pct"] == pytest.approx(1.0, abs=0.01)  # of .25 * 512 px
    assert figures["median_r"] == pytest.approx(1.0)
    assert figures["good"] == COEFFICIENTS - 8  # eyes that look ahead say nothing of their ways


def test_chance_weights_give_figures_everywhere_and_recover_nothing(chance, sitting):
    reader = FaceReader(chance)
    take = repeating.the_take(3)
    found = repeating.captured(sitting, GEOMETRY, take, reader)
    assert found.shape == (3, COEFFICIENTS)
    assert np.isfinite(found).all()
    moved = repeating.disentangled([sitting], GEOMETRY, ["jawOpen"], reader)
    assert np.isfinite(list(moved.values())).all()


def test_rest_is_measured_in_pixels_and_frames_in_time(sitting):
    from training.evaluation.codec import cost

    portrait = sitting.character.arrays["portrait"]
    off = portrait.copy()
    off[5, 5, 0] = portrait[5, 5, 0] ^ 4
    drawings = {STATIC: lambda dynamics, pose: portrait}
    exact = type(sitting)(sitting.character, sitting.rig, sitting.frame, drawings, {})
    wrong = type(sitting)(sitting.character, sitting.rig, sitting.frame,
                          {STATIC: lambda dynamics, pose: off}, {})  # fmt: skip
    assert cost.rest_error(exact) == 0.0
    assert cost.rest_error(wrong) == 4.0
    assert 0 < cost.decode_ms(sitting.drawings[GEOMETRY], Motion.rest(3)) < 5_000
