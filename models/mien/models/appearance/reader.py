"""Reads portraits: how deep everything lies, what belongs to what, and a code of who it is.

Knows how a portrait is looked at. Refuses to know what the codec makes of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.models.appearance.graph import graph
from mien.models.appearance.shapes import PICTURE_PX
from mien.models.appearance.weights import AppearanceModel, load_model
from mien.models.motion.diffusion.quiet_openvino import ov

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Appearance:
    """What a portrait shows; maps cover it from edge to edge."""

    shares: F32  # [GROUPS, MAP_PX, MAP_PX] of what each place shows, sum 1
    depth: F32  # [MAP_PX, MAP_PX] outer-eye distances behind the point between the eyes
    code: F32  # [CODE] of unit length


class AppearanceReader:
    """See the module. For one thread at a time."""

    def __init__(self, model: AppearanceModel | None = None) -> None:
        """None: the weights that ship with mien. Raises AppearanceWeightsError."""
        model = load_model() if model is None else model
        config = {
            "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False,
            "INFERENCE_PRECISION_HINT": "f32",
        }  # fmt: skip
        self._compiled = ov.Core().compile_model(graph(model), "CPU", config)

    def read(self, portrait: U8) -> Appearance:
        """Read a portrait [512, 512, 3], and once more in a mirror: the two are averaged."""
        small = cv2.resize(portrait, (PICTURE_PX, PICTURE_PX), interpolation=cv2.INTER_AREA)
        picture = small.astype(np.float32).transpose(2, 0, 1) / 127.5 - 1.0
        both = np.ascontiguousarray(np.stack([picture, picture[..., ::-1]]))
        request = self._compiled.create_infer_request()
        request.infer({"picture": both})
        shares, depth, code = (tensor.data.copy() for tensor in request.output_tensors)
        code = code.mean(0)
        return Appearance(
            (shares[0] + shares[1][..., ::-1]) / 2, (depth[0, 0] + depth[1, 0][:, ::-1]) / 2,
            np.asarray(code / np.linalg.norm(code), np.float32),
        )  # fmt: skip


@cache
def shipped_reader() -> AppearanceReader:
    """The reader with the weights that ship with mien, compiled once."""
    return AppearanceReader()
