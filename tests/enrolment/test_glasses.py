"""Glasses are found by their frames, and bare faces have none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mien.models.enrolment.geometry import measure
from mien.models.enrolment.glasses import glasses_evidence, glasses_sureness
from mien.models.enrolment.landmarks import find_faces


@pytest.fixture(scope="module")
def face(portrait_picture):
    portrait = cv2.resize(
        portrait_picture[80:600, 70:590], (512, 512), interpolation=cv2.INTER_AREA
    )
    return portrait, find_faces(portrait)[0].landmarks


def with_glasses(face, colour, thickness):
    portrait, landmarks = face
    picture, points = portrait.copy(), landmarks[:, :2]
    u = float(np.linalg.norm(points[263] - points[33]))
    eyes = [points[[33, 133]].mean(0), points[[263, 362]].mean(0)]
    for eye in eyes:
        centre = np.round(eye + np.array([0.0, 0.03 * u])).astype(int).tolist()
        axes = (int(0.26 * u), int(0.2 * u))
        cv2.ellipse(picture, centre, axes, 0, 0, 360, colour, thickness, cv2.LINE_AA)
    way = eyes[1] - eyes[0]
    ends = [np.round(eyes[0] + s * way).astype(int).tolist() for s in (0.42, 0.58)]
    cv2.line(picture, *ends, colour, thickness, cv2.LINE_AA)
    return picture


@pytest.mark.parametrize("colour", [(30, 25, 25), (150, 40, 40), (70, 90, 120)])
@pytest.mark.parametrize("thickness", [3, 6])
def test_drawn_frames_are_found(face, colour, thickness):
    assert glasses_sureness(with_glasses(face, colour, thickness), face[1]) > 0.5


def test_a_bare_face_wears_none(face):
    assert glasses_sureness(*face) == 0.0
    assert measure(*face)["glasses"].tolist() == [0.0]


@pytest.mark.parametrize(
    "change",
    [
        lambda p: (p * 0.35).astype(np.uint8),
        lambda p: cv2.GaussianBlur(p, (0, 0), 1.4),
        lambda p: np.repeat(p.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8),
        lambda p: np.clip(p + np.random.default_rng(1).normal(0, 8, p.shape), 0, 255).astype(
            np.uint8
        ),
    ],
)
def test_a_bare_face_wears_none_in_poor_pictures(face, change):
    assert glasses_sureness(change(face[0]), face[1]) == 0.0


def test_a_blank_picture_is_no_evidence(face):
    flat = np.full((512, 512, 3), 128, np.uint8)
    assert np.isfinite(glasses_evidence(flat, face[1])).all()
    assert glasses_sureness(flat, face[1]) == 0.0
