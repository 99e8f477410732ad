"""Reads faces: a picture and roughly where the face is, to points, gaze, pose and coefficients.

Knows the order of looks (crop, first look, second looks at eyes and mouth, code, motion) and keeps
the compiled graphs. Refuses to find faces.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mien.models.capture import graph
from mien.models.capture.crops import Crop, around, tensor
from mien.models.capture.points import EYE_POINTS, MOUTH_POINTS, SAMPLED
from mien.models.capture.shapes import CROP_PX, EYE_PX, GAZE_RAD, MOUTH_PX
from mien.models.capture.weights import EncoderModel, load_model
from mien.models.motion.diffusion.quiet_openvino import ov

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]
EYE_REACH, MOUTH_REACH = 2.0, 1.9  # of a crop's width over the distance of the corners


@dataclass(frozen=True, eq=False)
class Look:
    """What is seen in a picture, whoever it is."""

    points: F64  # [P, 2] px
    visible: F32  # [P] chance of being seen
    rotation: F64  # [3, 3] of the head in camera axes (+x image right, +y up, +z to the camera)
    gaze_rad: F64  # [2, 2] right and left eye in the head: theta toward the subject's left, phi up
    code: F32  # [code]
    level: F32  # [2P] the points without place, size and roll


def level(points: F64) -> F64:
    """Points [P, 2] centred, of unit size, eyes on a level line (`network.level`)."""
    away = points - points.mean(0)
    away = away / (np.sqrt((away**2).sum(-1).mean()) + 1e-4)
    axis = away[EYE_POINTS["left"]].mean(0) - away[EYE_POINTS["right"]].mean(0)
    axis = axis / max(float(np.linalg.norm(axis)), 1e-12)
    return np.asarray(away @ np.array([[axis[0], -axis[1]], [axis[1], axis[0]]]))


def rotation_of(turn: F64) -> F64:
    """An orthonormal matrix [3, 3] of two columns [6]."""
    a = turn[:3] / np.linalg.norm(turn[:3])
    b = turn[3:] - a * (a @ turn[3:])
    b = b / np.linalg.norm(b)
    return np.stack([a, b, np.cross(a, b)], 1)


class FaceReader:
    """See the module. May be called from several threads; they take turns."""

    def __init__(self, model: EncoderModel | None = None, threads: int = 1) -> None:
        """None: the weights that ship with mien. Raises EncoderWeightsError."""
        model = load_model() if model is None else model
        core = ov.Core()
        config = {
            "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": False,
        }  # fmt: skip
        graphs = {
            "first": graph.first_graph(model), "eye": graph.second_graph(model, "eye", EYE_PX),
            "mouth": graph.second_graph(model, "mouth", MOUTH_PX),
            "code": graph.code_graph(model), "move": graph.move_graph(model),
        }  # fmt: skip
        self._requests = {
            name: core.compile_model(built, "CPU", config).create_infer_request()
            for name, built in graphs.items()
        }
        self._lock = threading.Lock()

    def _run(self, name: str, **inputs: F32) -> list[F32]:
        request = self._requests[name]
        for key, array in inputs.items():
            request.set_tensor(key, ov.Tensor(np.ascontiguousarray(array, np.float32)))
        request.infer()
        return [t.data.copy() for t in request.output_tensors]

    def look(self, picture: U8, near: F64 | Crop, passes: int = 2) -> Look:
        """Look at the face in `picture` [H, W, 3] that is about where `near` says.

        `near`: points [P, 2] px of an earlier look, or a crop around the face. Each pass begins
        where the last one found the face.
        """
        crop = near if isinstance(near, Crop) else around(near)
        for _ in range(passes):
            with self._lock:
                seen = self._look(picture, crop)
            crop = around(seen.points)
        return seen

    def _look(self, picture: U8, crop: Crop) -> Look:
        cut = crop.cut(picture)
        points, local, whole, mean = self._run("first", picture=tensor(cut)[None])
        where = points[0].astype(np.float64)
        found, seen = where.copy(), []
        for side in ("left", "right"):
            part = EYE_POINTS[side]
            inner, outer = part[:2] if side == "left" else part[1::-1]
            box = _box(where[[inner, outer]], where[part], EYE_REACH)
            eye = box.cut_from(cut, EYE_PX)
            eye = eye[:, ::-1] if side == "right" else eye
            inside, features = self._run("eye", part=tensor(eye)[None])
            turned = inside[0] * ((-1.0, 1.0) if side == "right" else (1.0, 1.0))
            found[part] = box.place(turned, EYE_PX)
            seen.append(features[0])
        box = _box(where[MOUTH_POINTS[:2]], where[MOUTH_POINTS], MOUTH_REACH)
        inside, features = self._run("mouth", part=tensor(box.cut_from(cut, MOUTH_PX))[None])
        found[MOUTH_POINTS] = box.place(inside[0], MOUTH_PX)
        seen.append(features[0])
        flat = [whole[0], mean[0], _sampled(local[0], where[SAMPLED]).T.reshape(-1)]
        vector = np.concatenate([*flat, _centred(found).reshape(-1), *seen]).astype(np.float32)
        eyes = np.concatenate(seen[:2])[None]
        code, turn, gaze, visible = self._run("code", seen=vector[None], eyes=eyes)
        c, z = np.cos(crop.angle), np.sin(crop.angle)
        roll = np.array([[c, z, 0.0], [-z, c, 0.0], [0.0, 0.0, 1.0]])  # +y is up
        return Look(
            crop.out(found), visible[0], roll @ rotation_of(turn[0].astype(np.float64)),
            GAZE_RAD * gaze[0].reshape(2, 2).astype(np.float64), code[0],
            level(found).reshape(-1).astype(np.float32),
        )  # fmt: skip

    def motion(self, look: Look, neutral: Look | None = None) -> F32:
        """Coefficients [52] of a look, beside one at the same person's neutral face if known."""
        if neutral is None:
            rest, moved, code = 0.0, np.zeros_like(look.level), np.zeros_like(look.code)
        else:
            rest, moved, code = 1.0, look.level - neutral.level, look.code - neutral.code
        known = np.concatenate([look.code, code, look.level, moved, [rest]]).astype(np.float32)
        with self._lock:
            return np.asarray(self._run("move", known=known[None])[0][0])


@dataclass(frozen=True)
class _Box:
    """As `network.Box`: a part of a crop, in the crop's -1..1."""

    centre: F64
    along: F64

    def cut_from(self, cut: U8, size: tuple[int, int]) -> U8:
        """The part [height, width, 3] of a crop."""
        middle = (self.centre + 1.0) * CROP_PX / 2 - 0.5
        reach = float(np.linalg.norm(self.along))
        angle = float(np.arctan2(self.along[1], self.along[0]))
        return Crop(float(middle[0]), float(middle[1]), reach * CROP_PX, angle).cut(cut, size)

    def place(self, inside: F64 | F32, size: tuple[int, int]) -> F64:
        """Points [P, 2] of the part as points of the crop."""
        across = np.array([-self.along[1], self.along[0]])
        tall = size[1] / size[0]
        inside = np.asarray(inside, np.float64)
        return np.asarray(self.centre + inside[:, :1] * self.along + tall * inside[:, 1:] * across)


def _box(corners: F64, points: F64, reach: float) -> _Box:
    return _Box(points.mean(0), 0.5 * reach * (corners[1] - corners[0]))


def _centred(points: F64) -> F64:
    away = points - points.mean(0)
    return np.asarray(away / (np.sqrt((away**2).sum(-1).mean()) + 1e-4))


def _sampled(maps: F32, points: F64) -> F32:
    """Maps [C, H, W] at points [N, 2] in -1..1, bilinear, zero beyond the edge: [N, C]."""
    channels, height, width = maps.shape
    padded = np.zeros((channels, height + 2, width + 2), np.float32)
    padded[:, 1:-1, 1:-1] = maps
    x = np.clip((points[:, 0] + 1) * width / 2 + 0.5, 0, width + 0.999)
    y = np.clip((points[:, 1] + 1) * height / 2 + 0.5, 0, height + 0.999)
    j, i = x.astype(int), y.astype(int)
    q, p = (x - j).astype(np.float32), (y - i).astype(np.float32)
    here = padded[:, i, j] * (1 - p) * (1 - q) + padded[:, i, j + 1] * (1 - p) * q
    return np.asarray(
        (here + padded[:, i + 1, j] * p * (1 - q) + padded[:, i + 1, j + 1] * p * q).T
    )


@cache
def shared_reader() -> FaceReader:
    """The reader with the weights that ship with mien, made once."""
    return FaceReader()
