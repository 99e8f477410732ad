"""A face drawn from the mean landmarks: the codec's tests need no landmarker and no picture."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from mien.models.character import GEOMETRY_PREFIX, Character, Provenance
from mien.models.codec import topology
from mien.models.codec.basis import face_basis
from mien.models.codec.decoder import Decoder
from mien.models.codec.pose import picture_rotation
from mien.models.enrolment.geometry import measure

SIZE, IOD_PX = 512, 150.0
Draw = Callable[..., Character]


def landmarks_of(yaw: float = 0.0, jaw_open: float = 0.0, smile: float = 0.0) -> np.ndarray:
    """Landmarks [478, 3] of the mean face in a 512 px portrait."""
    basis = face_basis()
    shape = basis.mean + jaw_open * basis.shape("jawOpen")
    shape = shape + smile * (basis.shape("mouthSmileLeft") + basis.shape("mouthSmileRight"))
    turned = (shape @ picture_rotation(np.array([0.0, yaw, 0.0])).T) * IOD_PX
    return (turned + np.array([256.0, 250.0, 0.0])).astype(np.float32)


def draw_portrait(landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Portrait, plate and matte of a drawn person: torso, neck, hair, skin, lips, eyes, teeth."""
    rng = np.random.default_rng(3)
    plate = np.full((SIZE, SIZE, 3), (70, 110, 150), np.uint8)
    plate[:, ::16] += 20
    picture = plate.copy()
    matte = np.zeros((SIZE, SIZE), np.uint8)

    def fill(points: np.ndarray, colour: tuple[int, int, int]) -> None:
        outline = [np.round(points).astype(np.int32)]
        cv2.fillPoly(picture, outline, colour, cv2.LINE_AA)
        cv2.fillPoly(matte, outline, 255, cv2.LINE_AA)

    def contour(*indices: int) -> np.ndarray:
        return landmarks[list(indices), :2]

    oval = contour(*topology.FACE_OVAL)
    middle, chin = oval.mean(0), landmarks[topology.CHIN, :2]
    neck = np.array([[-45, -30], [45, -30], [48, 70], [-48, 70]]) + chin
    torso = np.array([[-190, 130], [-60, 55], [60, 55], [190, 130], [190, 200], [-190, 200]]) + chin
    fill(torso, (60, 60, 90))
    fill(neck, (180, 140, 120))
    fill(middle + (oval - middle) * [1.2, 1.25] - [0, 14], (60, 40, 30))
    fill(oval, (205, 160, 140))
    fill(contour(*topology.OUTER_LIP), (180, 90, 90))
    lips = (*topology.UPPER_INNER_LIP, *topology.LOWER_INNER_LIP[-2:0:-1])
    fill(contour(*lips), (225, 215, 200))
    for upper, lower, iris in (
        (topology.RIGHT_UPPER_LID, topology.RIGHT_LOWER_LID, topology.RIGHT_IRIS),
        (topology.LEFT_UPPER_LID, topology.LEFT_LOWER_LID, topology.LEFT_IRIS),
    ):
        slit = np.zeros((SIZE, SIZE), np.uint8)
        outline = np.round(contour(*upper, *lower[-2:0:-1])).astype(np.int32)
        cv2.fillPoly(slit, [outline], 255)
        eye = np.full_like(picture, 230)
        centre = landmarks[iris[0], :2]
        radius = np.linalg.norm(landmarks[list(iris[1:]), :2] - centre, axis=1).mean()
        at = tuple(int(v) for v in np.round(centre))
        cv2.circle(eye, at, round(float(radius)), (50, 80, 60), -1)
        picture[slit > 0] = eye[slit > 0]
    noise = rng.integers(-6, 7, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8), plate, matte


@pytest.fixture(scope="session")
def draw() -> Draw:
    """Draws characters: `draw(yaw=…, jaw_open=…, smile=…)`."""

    def make(**face: float) -> Character:
        landmarks = landmarks_of(**face)
        portrait, plate, matte = draw_portrait(landmarks)
        ok, png = cv2.imencode(".png", cv2.resize(portrait, (128, 128))[..., ::-1])
        assert ok
        measured = measure(portrait, landmarks)
        return Character(
            name="drawn",
            provenance=Provenance("0" * 64, SIZE, SIZE, "2026-01-01T00:00:00+00:00", "test"),
            thumbnail=png.tobytes(),
            arrays={
                "portrait": portrait,
                "plate": plate,
                "matte": matte,
                "landmarks": landmarks,
                **{GEOMETRY_PREFIX + key: value for key, value in measured.items()},
            },
        )

    return make


@pytest.fixture(scope="session")
def calm(draw: Draw) -> Decoder:
    """A frontal face with shut lips."""
    return Decoder(draw())


@pytest.fixture(scope="session")
def grinning(draw: Draw) -> Decoder:
    """A face enrolled with parted lips and visible teeth."""
    return Decoder(draw(jaw_open=0.3, smile=0.7))


@pytest.fixture(scope="session")
def turned(draw: Draw) -> Decoder:
    """A face enrolled turned 28° to the picture's right."""
    return Decoder(draw(yaw=float(np.radians(28.0))))
