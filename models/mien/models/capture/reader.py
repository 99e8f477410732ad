"""Reads faces: a picture and roughly where the face is, to points, gaze, pose and coefficients.

Knows the order of looks (crop, first look, second looks at eyes and mouth, code, motion) and keeps
the compiled graphs. Refuses to find faces. `training.codec.network` is the same in torch.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mien.models.capture import graph
from mien.models.capture.crops import Crop, around, boxes, closer, halved, tensor
from mien.models.capture.points import EYE_LOOK, EYE_POINTS, MOUTH_LOOK, POINTS
from mien.models.capture.shapes import EYE_PX, GAZE_RAD, MOUTH_PX, MOVED_GAIN
from mien.models.capture.weights import EncoderModel, load_model
from mien.models.motion.diffusion.quiet_openvino import ov

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]


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
        self._stranger = model.tensors["stranger.weight"][:, 0] + model.tensors["stranger.bias"]
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
        where the last one found the face; the last one looks closer.
        """
        crop = near if isinstance(near, Crop) else around(near)
        with self._lock:
            for _ in range(passes - 1):
                first = self._run("first", picture=tensor(halved(crop.cut(picture)))[None])
                crop = around(crop.out(first[0][0]))
            return self._look(picture, crop)

    def _look(self, picture: U8, crop: Crop) -> Look:
        detail = crop.cut(picture)
        first, visible = self._run("first", picture=tensor(halved(detail))[None])
        points = first[0].astype(np.float64)
        where = boxes(points)
        eyes, mouth = closer(detail, where)
        inside, seen = self._run("eye", part=eyes)
        points[EYE_LOOK["left"]] = where[0].place(inside[0])
        points[EYE_LOOK["right"]] = where[1].place(inside[1], mirrored=True)
        below, more = self._run("mouth", part=mouth[None])
        points[MOUTH_LOOK] = where[2].place(below[0])
        features = np.concatenate([seen[0], seen[1], more[0]])[None]
        stand = _centred(points).reshape(1, -1).astype(np.float32)
        code, turn, gaze = self._run("code", stand=stand, features=features)
        c, z = np.cos(crop.angle), np.sin(crop.angle)
        roll = np.array([[c, z, 0.0], [-z, c, 0.0], [0.0, 0.0, 1.0]])  # +y is up
        return Look(
            crop.out(points), visible[0], roll @ rotation_of(turn[0].astype(np.float64)),
            GAZE_RAD * gaze[0].reshape(2, 2).astype(np.float64), code[0],
            level(points).reshape(-1).astype(np.float32),
        )  # fmt: skip

    def motion(self, look: Look, neutral: Look | None = None) -> F32:
        """Coefficients [52] of a look, beside one at the same person's neutral face if known."""
        if neutral is None:
            rest, code = self._stranger[: 2 * POINTS], self._stranger[2 * POINTS :]
            rest_tilt = np.zeros(2, np.float32)
        else:
            rest, code, rest_tilt = neutral.level, neutral.code, tilt_of(neutral)
        tilt = tilt_of(look)
        moved = [look.level - rest, *(look.level * tilt[k] - rest * rest_tilt[k] for k in (0, 1))]
        known = np.array([neutral is not None], np.float32)
        told = [MOVED_GAIN * np.concatenate(moved), tilt, rest_tilt, known, look.code,
                look.code - code]  # fmt: skip
        with self._lock:
            return np.asarray(self._run("move", told=np.concatenate(told)[None])[0][0])


def tilt_of(look: Look) -> F32:
    """How far a head looks aside and up, as sines [2]; a roll does not change them."""
    return np.asarray(look.rotation[2, :2], np.float32)


def _centred(points: F64) -> F64:
    away = points - points.mean(0)
    return np.asarray(away / (np.sqrt((away**2).sum(-1).mean()) + 1e-4))


@cache
def shared_reader() -> FaceReader:
    """The reader with the weights that ship with mien, made once."""
    return FaceReader()
