"""A distance of pictures as the motion encoder sees them, after LPIPS (Zhang et al. 2018).

Knows how feature maps are taken out of the encoder's first graph and compared. Refuses to know
what the encoder makes of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.models.capture import graph
from mien.models.capture.crops import around, halved, tensor
from mien.models.capture.weights import EncoderModel
from mien.models.motion.diffusion.quiet_openvino import op, ov

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]


class Features:
    """The last activations at every size of map that the encoder computes of a crop."""

    def __init__(self, model: EncoderModel) -> None:
        whole = graph.first_graph(model)
        last: dict[int, object] = {}
        for node in whole.get_ordered_ops():
            if node.get_type_name() == "Relu" and node.output(0).get_partial_shape().rank == 4:
                last[int(node.output(0).get_partial_shape()[2].get_length())] = node
        results = [op.result(node) for node in last.values()]
        wanted = ov.Model(results, whole.get_parameters(), "features")
        config = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
        self._request = ov.Core().compile_model(wanted, "CPU", config).create_infer_request()

    def distance(self, one: U8, other: U8, points: F64) -> float:
        """Between two pictures [H, W, 3] around a face's points [170, 2] px; 0 is equal."""
        crop = around(points)
        a, b = (self._maps(halved(crop.cut(picture))) for picture in (one, other))
        return float(sum(_apart(x, y) for x, y in zip(a, b, strict=True)))

    def _maps(self, cut: U8) -> list[F32]:
        self._request.infer({0: tensor(cut)[None]})
        return [found.data[0].copy() for found in self._request.output_tensors]


def _apart(one: F32, other: F32) -> float:
    """Mean squared difference of features [C, H, W] of unit length at each place."""
    a, b = (x / (np.linalg.norm(x, axis=0, keepdims=True) + 1e-6) for x in (one, other))
    return float(((a - b) ** 2).sum(0).mean())
