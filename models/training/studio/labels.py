"""Exact labels of a frame: coefficients, gaze, pose, points, visibility.

Knows what can be read off a posed body and its camera. Refuses to know pixels, except a part mask
and depth for what hides what.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from training.studio.camera import Camera
from training.studio.head import ANCHOR, PIVOT, HeadModel
from training.studio.layout import POINT_COUNT, Part
from training.studio.mesh import angles_deg, rotation_vector
from training.studio.pose import IRIS_SINE, Body, Eye, Posed, Tongue, gaze_deg

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Labels:
    """All float32. Left is the subject's; eyes come right first."""

    coefficients: F32  # [52] in the order of ARKIT_NAMES
    tongue: F32  # [3] lift, out, side
    gaze_head_deg: F32  # [2, 2] each eye: toward the subject's left, up; against the head
    gaze_camera_deg: F32  # [2] both eyes' mean line of sight: same signs; 0 is along the axis
    rotation: F32  # [3] the head's rotation vector, radians
    pose_deg: F32  # [3] yaw (to the subject's left), pitch (up), roll (to image left)
    translation: F32  # [3] of the point between the eyes from the camera: right, up, distance; cm
    focal: F32  # [1] in picture widths
    points: F32  # [170, 3] x, y in picture widths (0..1 inside, y down); depth from the eyes in iod
    visible: F32  # [170] 1 where the camera sees the point
    box: F32  # [4] of all points: left, top, right, bottom in picture widths
    iod: F32  # [1] outer-eye distance in picture widths, at the head's depth without its turn
    lip_gap: F32  # [1] between the inner lips' centres, in iod


LABEL_SHAPES = {"coefficients": (52,), "tongue": (3,), "gaze_head_deg": (2, 2),
                "gaze_camera_deg": (2,), "rotation": (3,), "pose_deg": (3,), "translation": (3,),
                "focal": (1,), "points": (POINT_COUNT, 3), "visible": (POINT_COUNT,), "box": (4,),
                "iod": (1,), "lip_gap": (1,)}  # fmt: skip


def surface_points(head: HeadModel, posed: Posed) -> F64:
    """The 170 points in camera axes: vertices, then centre and rim of both irises. [170, 3]"""
    skin = posed.points[head.point_vertices].astype(np.float64)
    return np.concatenate([skin, *(iris_points(eye, posed) for eye in posed.eyes)])


def iris_points(eye: Eye, posed: Posed) -> F64:
    """Centre and rim (image right, up, left, down of an upright head) of an iris. [5, 3]"""
    side = posed.placement.head[:, 0] - eye.axis * (posed.placement.head[:, 0] @ eye.axis)
    side /= np.linalg.norm(side)
    up = np.cross(eye.axis, side)
    front = np.sqrt(1 - IRIS_SINE**2)
    ring = [front * eye.axis + IRIS_SINE * d for d in (side, up, -side, -up)]
    return np.asarray(eye.centre + eye.radius * np.stack([1.03 * eye.axis, *ring]))


def describe(
    body: Body, posed: Posed, camera: Camera, coefficients: F32, tongue: Tongue,
    depth: F32, parts: NDArray[np.uint8],
) -> Labels:  # fmt: skip
    """Labels of a frame; `depth` and `parts` [S, S] say what hides what."""
    head = body.head
    world = surface_points(head, posed)
    pixels = camera.project(world, 1)
    turn = posed.placement.head
    between = turn @ (ANCHOR - PIVOT) + posed.placement.body @ posed.placement.shift
    from_camera = between - np.array(camera.place)
    unit = body.outer_eye_distance
    scale = unit / (2 * camera.half_tangent * -from_camera[2])
    eye_depth = np.mean([-(eye.centre - camera.place)[2] for eye in posed.eyes])
    points = np.c_[pixels[:, :2], (pixels[:, 2] - eye_depth) / unit]
    visible = seen(pixels, depth, unit)
    visible[-10:] *= shown(pixels[-10:], parts, (Part.EYE, Part.IRIS))
    sight = np.mean([_line_of_sight(turn, look) for look in gaze_deg(coefficients)], 0)
    gaze = np.degrees([np.arctan2(sight[0], sight[2]), np.arcsin(sight[1] / np.linalg.norm(sight))])
    lips = posed.points[head.landmarks68[[62, 66]]]
    values = (
        coefficients, (tongue.lift, tongue.out, tongue.side), gaze_deg(coefficients), gaze,
        rotation_vector(turn), angles_deg(turn), (*from_camera[:2], -from_camera[2]),
        [camera.focal], points, visible,
        (*pixels[:, :2].min(0), *pixels[:, :2].max(0)), [scale],
        [np.linalg.norm(lips[0] - lips[1]) / unit],
    )  # fmt: skip
    names = [field.name for field in fields(Labels)]
    return Labels(**{
        name: np.asarray(value, np.float32).reshape(LABEL_SHAPES[name])
        for name, value in zip(names, values, strict=True)
    })  # fmt: skip


def _line_of_sight(turn: F64, look: tuple[float, float]) -> F64:
    yaw, pitch = np.radians(look)
    local = [np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)]
    return np.asarray(turn @ np.array(local))


def shown(pixels: F64, parts: NDArray[np.uint8], wanted: tuple[Part, ...]) -> F64:
    """1 where a pixel at a point or beside it is one of the wanted parts."""
    near = np.isin(_around(pixels, parts), wanted)
    return near.any(0).astype(np.float64)


def _around(pixels: F64, picture: NDArray[np.generic]) -> NDArray[np.generic]:
    """The nine pixels about each point, [9, N]."""
    size = len(picture)
    x, y = np.clip(np.floor(pixels[:, :2] * size).astype(int), 0, size - 1).T
    return np.stack([
        picture[np.clip(y + dy, 0, size - 1), np.clip(x + dx, 0, size - 1)]
        for dy in (-1, 0, 1) for dx in (-1, 0, 1)
    ])  # fmt: skip


def seen(pixels: F64, depth: F32, unit: float) -> F64:
    """1 where nothing lies more than a little before a point. `pixels` x, y in widths; depth."""
    inside = ((pixels[:, :2] >= 0) & (pixels[:, :2] < 1)).all(1)
    out = np.zeros(len(pixels))
    nearest = _around(pixels, depth)
    behind = np.where(nearest > 0, nearest, np.inf).max(0)
    behind = np.where(np.isfinite(behind), behind, 1e9)
    out[inside] = (pixels[:, 2] < behind + 0.06 * unit)[inside]
    return out
