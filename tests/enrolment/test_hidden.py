"""Covered eyes and mouths are refused; beards, glasses, dim light and poor pictures are not."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from mien.models.codec import topology
from mien.models.enrolment import EnrolmentError, gates
from mien.models.enrolment.landmarks import find_faces, measure_points
from mien.models.enrolment.occlusion import judge_visibility


@pytest.fixture(scope="module")
def face(portrait_picture):
    """A 512 px portrait and its points."""
    portrait = cv2.resize(
        portrait_picture[80:600, 70:590], (512, 512), interpolation=cv2.INTER_AREA
    )
    return portrait, find_faces(portrait)[0].landmarks


class Drawing:
    """Draws on a face in its own units: u is the distance between the eyes' outer corners."""

    def __init__(self, face, seed=0):
        portrait, landmarks = face
        self.pixels = portrait.astype(np.float32)
        self.points = landmarks[:, :2]
        self.random = np.random.default_rng(seed)
        right, left = self.points[33], self.points[263]
        self.u = float(np.linalg.norm(left - right))
        self.x = (left - right) / self.u
        self.y = np.array([-self.x[1], self.x[0]])

    def fill(self, outline, colour, grain=3.0):
        mask = np.zeros((512, 512), np.uint8)
        cv2.fillPoly(mask, [np.round(np.array(outline)).astype(np.int32)], 255)
        share = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 1.2)[..., None]
        paint = np.asarray(colour, np.float32) + self.random.normal(0, grain, (512, 512, 3))
        self.pixels = self.pixels * (1 - share) + paint * share

    def ellipse(self, centre, across, down, colour, grain=3.0):
        turn = np.linspace(0, 2 * np.pi, 60)[:, None]
        outline = (
            centre + np.cos(turn) * across * self.u * self.x + np.sin(turn) * down * self.u * self.y
        )
        self.fill(outline, colour, grain)

    def band(self, centre, half_width, up, down, colour, grain=3.0):
        across, above, below = (
            half_width * self.u * self.x,
            up * self.u * self.y,
            down * self.u * self.y,
        )
        corners = [
            centre - across - above,
            centre + across - above,
            centre + across + below,
            centre - across + below,
        ]
        self.fill(corners, colour, grain)

    def eye(self, right):
        return self.points[[33, 133] if right else [263, 362]].mean(axis=0)

    def done(self):
        return np.clip(self.pixels, 0, 255).astype(np.uint8)


def sunglasses(d):
    for right in (True, False):
        d.ellipse(d.eye(right), 0.26, 0.2, (22, 22, 24), 2)
    d.band((d.eye(True) + d.eye(False)) / 2, 0.3, 0.05, 0.0, (22, 22, 24), 2)


def blindfold(d):
    d.band((d.eye(True) + d.eye(False)) / 2, 1.0, 0.2, 0.16, (120, 20, 30), 6)


def eye_patch(d):
    d.ellipse(d.eye(True), 0.27, 0.22, (25, 22, 20), 4)


def surgical_mask(d):
    oval = [234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288]
    d.fill([*d.points[[*oval, 361, 323, 447]], d.points[5], d.points[227]], (150, 190, 215))


def hand_over_mouth(d):
    skin = np.median(
        d.pixels[tuple(np.round(d.points[[50, 280, 101, 330], ::-1]).astype(int).T)], axis=0
    )
    for finger in range(4):
        centre = d.points[13] + d.y * (-0.16 + 0.13 * finger) * d.u + d.x * 0.25 * d.u
        d.band(centre, 0.62, 0.06, 0.06, skin * 0.5)
        d.band(centre, 0.61, 0.05, 0.05, skin * (0.95 - 0.04 * finger))


def microphone(d):
    d.ellipse(d.points[14] + d.y * 0.05 * d.u, 0.3, 0.25, (40, 40, 44), 14)


@pytest.mark.parametrize(
    ("cover", "part"),
    [
        (sunglasses, "eyes"),
        (blindfold, "eyes"),
        (eye_patch, "right eye"),
        (surgical_mask, "mouth"),
        (hand_over_mouth, "mouth"),
        (microphone, "mouth"),
    ],
)
def test_a_covered_part_is_refused_by_its_name(face, cover, part):
    drawing = Drawing(face)
    cover(drawing)
    picture = drawing.done()
    points, _ = measure_points(picture, face[1])
    with pytest.raises(EnrolmentError) as caught:
        gates.require_visible(judge_visibility(picture, points))
    assert caught.value.code == "hidden"
    assert f"The {part} of this face" in caught.value.message
    assert "%" in caught.value.message


def nothing(picture, d):
    return picture


def clear_glasses(picture, d):
    for right in (True, False):
        centre = np.round(d.eye(right)).astype(int).tolist()
        axes = (int(0.25 * d.u), int(0.19 * d.u))
        cv2.ellipse(picture, centre, axes, 0, 0, 360, (30, 25, 25), 3, cv2.LINE_AA)
    return picture


def beard(picture, d):
    lips = d.points[list(topology.OUTER_LIP)].astype(np.float32)
    oval = d.points[list(topology.FACE_OVAL)].astype(np.float32)
    for _ in range(5000):
        root = (
            d.points[13]
            + d.y * d.random.uniform(0.1, 0.7) * d.u
            + d.x * d.random.normal(0, 0.3) * d.u
        )
        tip = root + d.y * d.random.uniform(6, 14)
        on_lip = any(
            cv2.pointPolygonTest(lips, tuple(map(float, p)), True) > -2 for p in (root, tip)
        )
        if on_lip or cv2.pointPolygonTest(oval, tuple(map(float, root)), True) < -15:
            continue
        shade = d.random.uniform(20, 90)
        ends = np.round([root, tip]).astype(int).tolist()
        colour = (shade, shade * 0.75, shade * 0.55)
        cv2.line(picture, *ends, colour, 1, cv2.LINE_AA)
    return picture


def dim(picture, d):
    return (picture * 0.35).astype(np.uint8)


def half_lit(picture, d):
    falloff = 1 - 0.7 * np.clip((np.arange(512) - d.points[1, 0]) / 40, 0, 1)
    return (picture * falloff[None, :, None]).astype(np.uint8)


def grey(picture, d):
    return np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)


def blurred(picture, d):
    return cv2.GaussianBlur(picture, (0, 0), 1.4)


def crushed(picture, d):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=25)
    return np.array(Image.open(buffer))


def mirrored(picture, d):
    return np.ascontiguousarray(picture[:, ::-1])


@pytest.mark.parametrize(
    "change", [nothing, clear_glasses, beard, dim, half_lit, grey, blurred, crushed, mirrored]
)
def test_a_visible_face_passes(face, change):
    picture = change(face[0].copy(), Drawing(face))
    points = find_faces(picture)[0].landmarks
    gates.require_visible(judge_visibility(picture, points))
