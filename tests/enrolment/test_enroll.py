"""A picture becomes a character, or is refused with a figure and advice."""

from __future__ import annotations

import io
import threading

import cv2
import numpy as np
import pytest
from PIL import Image

from mien.models import character as files
from mien.models.codec.decoder import Decoder
from mien.models.enrolment import CODES, STEPS, EnrolmentError, enroll, gates
from mien.models.enrolment.landmarks import Face, find_faces


@pytest.fixture(scope="module")
def character(portrait_picture, png):
    return enroll(png(portrait_picture), name="Ada", consent="public domain")


def refusal(image, **options):
    with pytest.raises(EnrolmentError) as caught:
        enroll(image, **options)
    assert caught.value.code in CODES
    assert caught.value.message.endswith((".", ")", "corners"))
    return caught.value


def test_an_enrolled_photograph_at_rest_is_itself(character):
    frame = Decoder(character).decode(np.zeros(52, np.float32), np.zeros(6, np.float32))
    difference = np.abs(frame[..., :3].astype(int) - character.arrays["portrait"])
    assert difference.max() <= 1


def test_a_photograph_becomes_a_character(character, portrait_picture):
    assert character.name == "Ada"
    assert character.provenance.consent == "public domain"
    assert character.provenance.source_width_px == portrait_picture.shape[1]
    assert len(character.provenance.source_sha256) == 64
    assert character.provenance.enrolled_at.endswith("+00:00")
    assert {"portrait", "plate", "matte", "landmarks"} <= set(character.arrays)
    assert character.geometry  # what the codec measured


def test_a_character_file_keeps_within_six_megabytes_and_comes_back(character, tmp_path):
    path = tmp_path / "ada.mien"
    character.save(path)
    assert path.stat().st_size <= 6_000_000
    assert files.load(path).sha256 == character.sha256


def test_the_thumbnail_shows_the_portrait(character):
    with Image.open(io.BytesIO(character.thumbnail)) as image:
        assert image.size == (128, 128)
        small = np.asarray(image.convert("RGB"), float)
    portrait = Image.fromarray(character.arrays["portrait"]).resize((128, 128))
    assert np.abs(small - np.asarray(portrait, float)).mean() < 6


def test_the_same_picture_gives_the_same_pixels(character, portrait_picture, png):
    again = enroll(png(portrait_picture), name="Ada")
    for name in ("portrait", "plate", "matte", "landmarks"):
        np.testing.assert_array_equal(again.arrays[name], character.arrays[name])


def test_steps_are_told_in_order(portrait_picture, png):
    told = []
    enroll(png(portrait_picture), progress=told.append)
    assert tuple(told) == STEPS


def test_a_character_is_named_after_its_file(portrait_picture, png, tmp_path):
    path = tmp_path / "Old\tSmith.png"
    path.write_bytes(png(portrait_picture))
    assert enroll(path).name == "Old Smith"


def test_an_endless_consent_note_is_refused_before_any_work():
    with pytest.raises(ValueError, match="consent"):
        enroll(b"", consent="x" * 4001)


def test_two_threads_can_enrol_at_once(portrait_picture, png, character):
    data, seals = png(portrait_picture), []
    threads = [
        threading.Thread(target=lambda: seals.append(enroll(data).arrays["matte"].tobytes()))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seals == [character.arrays["matte"].tobytes()] * 2


# Who is in the picture


def test_a_picture_without_a_face_is_refused(png):
    meadow = np.full((400, 500, 3), (90, 160, 70), np.uint8)
    error = refusal(png(meadow))
    assert error.code == "no_face"
    assert "500 × 400" in error.message


@pytest.fixture(scope="module")
def pair(portrait_picture, png):
    """The same person twice, the second one mirrored and 0.8 times as large."""
    size = int(660 * 0.8)
    second = cv2.resize(portrait_picture[:, ::-1], (size, size), interpolation=cv2.INTER_AREA)
    second = cv2.copyMakeBorder(second, 660 - size, 0, 0, 0, cv2.BORDER_REPLICATE)
    return png(np.hstack([portrait_picture, second]))


def test_several_faces_are_listed_and_not_guessed(pair):
    error = refusal(pair)
    assert error.code == "several_faces"
    assert [face.number for face in error.faces] == [1, 2]
    first, second = error.faces
    assert first.x_px < second.x_px
    assert (first.position, second.position) == ("left, centre", "right, centre")
    assert second.eye_distance_px == pytest.approx(0.8 * first.eye_distance_px, rel=0.05)
    for face in error.faces:
        assert f"{face.number}: {face.position}" in error.message
        assert f"{face.width_px} × {face.height_px} px" in error.message
    assert "--face" in error.message


@pytest.mark.parametrize("number", [1, 2])
def test_a_chosen_face_is_the_one_enrolled(pair, number):
    character = enroll(pair, face=number)
    (face,) = find_faces(character.arrays["portrait"])
    # Her parting shows which of the two it is: the brighter half of the hair.
    left, right = (
        character.arrays["portrait"][60:110, half].mean()
        for half in (slice(150, 256), slice(256, 362))
    )
    assert face.eye_distance_px > 140
    assert (left < right) == (number == 1)


@pytest.mark.parametrize("number", [0, 3, -1])
def test_a_face_that_is_not_there_cannot_be_chosen(pair, number):
    error = refusal(pair, face=number)
    assert error.code == "several_faces"
    assert f"no face {number}" in error.message
    assert len(error.faces) == 2


def test_a_small_bystander_does_not_make_a_group():
    def face(x, size):
        landmarks = np.zeros((478, 3), np.float32)
        landmarks[33, :2], landmarks[263, :2] = (x, 100), (x + size, 100)
        return Face(landmarks, 0.01)

    chosen, listing = gates.choose_face([face(50, 20), face(300, 160)], None, 800, 600)
    assert chosen.eye_distance_px == pytest.approx(160)
    assert len(listing) == 1


# Whether the face is fit


def test_a_small_face_is_refused_with_its_size(photograph, png):
    error = refusal(png(photograph))
    assert error.code == "face_too_small"
    assert "at least 96" in error.message
    assert any(
        f"{figure} px" in error.message for figure in ("60.3", "60.4", "60.5", "60.6", "60.7")
    )
    assert "1.7 times" in error.message


def test_the_size_counts_in_the_original_picture(portrait_picture, png):
    """A picture that only just fits passes, one that is a little smaller does not."""
    (face,) = find_faces(portrait_picture)

    def at(distance_px):
        side = round(660 * distance_px / face.eye_distance_px)
        return png(cv2.resize(portrait_picture, (side, side), interpolation=cv2.INTER_AREA))

    assert enroll(at(99)).name == "character"
    assert refusal(at(93)).code == "face_too_small"


def test_the_mirror_limit_is_three_percent():
    gates.require_stable(0.0299)
    with pytest.raises(EnrolmentError) as caught:
        gates.require_stable(0.041)
    assert caught.value.code == "unstable"
    assert "4.1%" in caught.value.message


def turned(landmarks, yaw_deg=0.0, pitch_deg=0.0, roll_deg=0.0):
    """Points of a face, rotated about its middle."""
    yaw, pitch, roll = np.radians([yaw_deg, pitch_deg, roll_deg])
    about_y = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
    about_x = [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    about_z = [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    middle = landmarks.mean(axis=0)
    rotation = np.array(about_y) @ np.array(about_x) @ np.array(about_z)
    return ((landmarks - middle) @ rotation.T + middle).astype(np.float32)


@pytest.fixture(scope="module")
def frontal():
    """The mean face at 170 px between the eyes."""
    from mien.models.codec.basis import face_basis

    return (face_basis().mean * 170 + 256).astype(np.float32)


@pytest.mark.parametrize(
    "angles", [{}, {"yaw_deg": 30}, {"yaw_deg": -30}, {"pitch_deg": 25}, {"roll_deg": 30}]
)
def test_a_head_turned_a_little_passes(frontal, angles):
    gates.require_front(turned(frontal, **angles))


@pytest.mark.parametrize(
    ("angles", "word"),
    [
        ({"yaw_deg": 40}, "side"),
        ({"yaw_deg": -40}, "side"),
        ({"pitch_deg": 36}, "up or down"),
        ({"pitch_deg": -36}, "up or down"),
        ({"roll_deg": 42}, "sideways"),
    ],
)
def test_a_head_turned_far_is_refused_with_the_angle(frontal, angles, word):
    with pytest.raises(EnrolmentError) as caught:
        gates.require_front(turned(frontal, **angles))
    assert caught.value.code == "turned"
    assert word in caught.value.message
    assert f"{abs(next(iter(angles.values())))}" in caught.value.message
    assert "at most" in caught.value.message


def test_closed_eyes_are_refused_and_a_squint_is_not(frontal):
    def with_lids(opening):
        face = frontal.copy()
        for upper, lower in ((159, 145), (386, 374)):
            middle = (face[upper] + face[lower]) / 2
            face[upper], face[lower] = middle, middle
            face[lower, 1] += opening * 170
        return face

    gates.require_open_eyes(with_lids(0.03))
    with pytest.raises(EnrolmentError) as caught:
        gates.require_open_eyes(with_lids(0.01))
    assert caught.value.code == "hidden"
    assert "eyes are closed" in caught.value.message
