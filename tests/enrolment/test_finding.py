"""Faces are found wherever they are in a picture, measured steadily, and framed for a portrait."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from mien.models.codec import topology
from mien.models.codec.basis import face_basis
from mien.models.enrolment import frame_face, framing
from mien.models.enrolment.image import LoadedImage
from mien.models.enrolment.landmarks import Face, find_faces, measure_points, unmirror


def resized(pixels, width, height):
    return np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))


def picture_of(rgb):
    return LoadedImage(rgb, None, rgb.shape[1], rgb.shape[0], "0" * 64)


def test_one_face_is_found_with_its_box(photograph):
    (face,) = find_faces(photograph)
    x, y, width, height = face.box
    assert (x, y) == pytest.approx((179, 69), abs=5)
    assert (width, height) == pytest.approx((91, 108), abs=6)
    assert face.eye_distance_px == pytest.approx(60.5, abs=2)
    assert face.landmarks.shape == (478, 3)
    assert face.landmarks.dtype == np.float32


def test_faces_come_from_left_to_right(photograph):
    faces = find_faces(np.hstack([photograph, photograph]))
    assert len(faces) == 2
    assert faces[1].box[0] - faces[0].box[0] == pytest.approx(512, abs=4)


def test_a_small_face_in_a_large_picture_is_found(photograph):
    wide = np.pad(photograph, ((1500, 0), (2000, 500), (0, 0)), mode="edge")
    (face,) = find_faces(wide)
    assert face.box[0] == pytest.approx(2179, abs=6)
    assert face.box[1] == pytest.approx(1569, abs=6)


def test_a_face_that_fills_the_picture_is_found(photograph):
    (face,) = find_faces(resized(photograph[70:178, 176:272], 384, 432))
    assert face.eye_distance_px > 200


@pytest.mark.parametrize("lean_deg", [-35, -20, 20, 35])
def test_a_leaning_head_is_found(photograph, lean_deg):
    leaning = np.array(Image.fromarray(photograph).rotate(lean_deg, Image.Resampling.BILINEAR))
    (face,) = find_faces(leaning)
    assert face.eye_distance_px == pytest.approx(60.5, abs=3)


@pytest.mark.parametrize("name", ["coffee", "chelsea", "rocket"])
def test_pictures_without_people_hold_no_face(name):
    data = pytest.importorskip("skimage.data")
    assert find_faces(np.asarray(getattr(data, name)())) == []


def test_noise_and_emptiness_hold_no_face():
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    assert find_faces(noise) == []
    assert find_faces(np.zeros((300, 300, 3), np.uint8)) == []


def test_the_mirror_map_is_its_own_inverse_and_swaps_the_irises():
    mirror = face_basis().mirror
    np.testing.assert_array_equal(mirror[mirror], np.arange(478))
    assert mirror[list(topology.OUTER_EYE_CORNERS)].tolist() == [263, 33]
    assert mirror[topology.RIGHT_IRIS[0]] == topology.LEFT_IRIS[0]
    # Around an iris, right and left trade places, top and bottom stay.
    assert mirror[list(topology.RIGHT_IRIS[1:])].tolist() == [476, 475, 474, 477]
    assert set(mirror[list(topology.LIPS)]) == set(topology.LIPS)


def test_the_mirror_map_agrees_with_a_mirrored_look(portrait_picture):
    face = find_faces(portrait_picture)[0]
    mirrored = find_faces(portrait_picture[:, ::-1])[0]
    back = unmirror(mirrored.landmarks, portrait_picture.shape[1])
    gap = np.linalg.norm(back[:, :2] - face.landmarks[:, :2], axis=1)
    assert gap.max() < 0.01 * face.eye_distance_px  # both are means of the same two looks


def test_every_point_keeps_to_its_own_side_in_the_mirror(portrait_picture):
    """A wrong pair would put a point of one eye on the other: far more than any noise."""
    (face,) = find_faces(portrait_picture)
    points = face.landmarks[:, :2]
    middle = points[[10, 152, 168]].mean(axis=0)[0]
    side = np.sign(points[:, 0] - middle)
    far = np.abs(points[:, 0] - middle) > 0.1 * face.eye_distance_px
    assert (side[far] == -side[face_basis().mirror][far]).all()


def test_a_clear_photograph_is_steady_in_the_mirror(portrait_picture):
    (face,) = find_faces(portrait_picture)
    assert face.mirror_disagreement < 0.02


def test_points_far_from_any_face_are_not_measured(portrait_picture):
    (face,) = find_faces(portrait_picture)
    elsewhere = face.landmarks + np.array([600, 600, 0], np.float32)
    assert measure_points(portrait_picture, elsewhere) is None


def test_finding_is_safe_from_several_threads(photograph):
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(find_faces(photograph))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    for faces in answers:
        np.testing.assert_allclose(faces[0].landmarks, answers[0][0].landmarks, atol=1e-3)


def test_loading_and_finding_write_nothing_to_standard_error(photograph, tmp_path):
    path = tmp_path / "photograph.npy"
    np.save(path, photograph)
    code = (
        "import numpy as np, sys\n"
        "from mien.models.enrolment.landmarks import find_faces\n"
        "assert len(find_faces(np.load(sys.argv[1]))) == 1\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""


def test_importing_enrolment_does_not_load_mediapipe():
    code = "import mien.models.enrolment, sys; print('mediapipe' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_portrait_holds_the_face_in_its_middle(portrait_picture):
    (face,) = find_faces(portrait_picture)
    portrait = frame_face(picture_of(portrait_picture), face)
    low, high = portrait.landmarks[:, :2].min(axis=0), portrait.landmarks[:, :2].max(axis=0)
    assert portrait.rgb.shape == (512, 512, 3)
    assert 0.48 < (high[1] - low[1]) / 512 < 0.58
    assert (low + high) / 2 == pytest.approx([256, 256], abs=0.1 * 512)


def test_points_measured_in_the_portrait_match_those_of_the_picture(portrait_picture):
    (face,) = find_faces(portrait_picture)
    portrait = frame_face(picture_of(portrait_picture), face)
    carried = portrait.frame.to_portrait(face.landmarks)
    gap = np.linalg.norm(carried[:, :2] - portrait.landmarks[:, :2], axis=1)
    assert gap.mean() < 0.015 * 512 * 0.33


def face_at(x, y, size):
    """A face whose box is a square at x, y: framing looks at nothing else."""
    landmarks = np.zeros((478, 3), np.float32)
    landmarks[:, :2] = (x, y)
    landmarks[0, :2] = (x + size, y + size)
    return Face(landmarks, 0.0)


def test_a_frame_keeps_to_the_picture_by_shifting_a_little():
    frame = framing.choose_frame(face_at(380, 400, 200), 1000, 1000)
    assert frame.side_px == pytest.approx(390)
    near = framing.choose_frame(face_at(80, 400, 200), 1000, 1000)
    assert near.left_px == pytest.approx(0)  # 14.5 px to the side are less than 8 % of 390
    edge = framing.choose_frame(face_at(0, 400, 200), 1000, 1000)
    assert edge.left_px == pytest.approx(-94.5 + 0.08 * 390)  # the rest is invented
    right = framing.choose_frame(face_at(720, 400, 200), 1000, 1000)
    assert right.left_px + right.side_px == pytest.approx(1000)


def test_a_frame_has_more_room_above_the_face_than_below():
    frame = framing.choose_frame(face_at(400, 400, 200), 1000, 1000)
    above, below = 400 - frame.top_px, frame.top_px + frame.side_px - 600
    assert above > below > 0


def test_cutting_a_frame_is_exact_at_the_same_scale():
    pixels = np.random.default_rng(1).integers(0, 256, (700, 900, 3), np.uint8)
    cut = framing.cut_portrait(pixels, framing.Frame(100.0, 50.0, 512.0))
    np.testing.assert_array_equal(cut, pixels[50:562, 100:612])


@pytest.mark.parametrize("scale", [0.14, 0.3, 0.5, 2.0, 3.7])
def test_a_cut_lands_where_points_land(scale):
    """A bright spot and its coordinates go through the same door."""
    pixels = np.zeros((2000, 2000, 3), np.uint8)
    pixels[700:709, 800:809] = 255  # the middle is at 804, 704
    # Small scales stick out of the picture, so that margins are invented too.
    frame = framing.Frame(804.3 - 27 / scale, 704.7 - 27 / scale, 512 / scale)
    cut = framing.cut_portrait(pixels, frame)[..., 0].astype(float)
    y, x = np.mgrid[:512, :512]
    seen = np.array([(x * cut).sum(), (y * cut).sum()]) / cut.sum()
    wanted = frame.to_portrait(np.array([[804, 704, 0]], np.float32))[0, :2]
    assert seen == pytest.approx(wanted, abs=0.05)


def test_an_edge_is_invented_without_streaks_or_seams(photograph):
    frame = framing.Frame(-150.0, 40.0, 512.0)
    cut = framing.cut_portrait(photograph, frame).astype(float)
    np.testing.assert_array_equal(cut[10:400, 160:], photograph[50:440, 10:362])
    seam = np.abs(cut[:, 150] - cut[:, 149]).mean()
    usual = np.abs(np.diff(cut[:, 150:], axis=1)).mean()
    assert seam < 3 * usual
    far = cut[:460, :40]  # streaks would leave rows that differ and columns that do not
    assert np.abs(np.diff(far, axis=0)).mean() < 2.0
    assert far.std() > 1.0


def test_a_dim_photograph_is_still_found(photograph):
    dim = np.array(ImageEnhance.Brightness(Image.fromarray(photograph)).enhance(0.3))
    assert len(find_faces(dim)) == 1
