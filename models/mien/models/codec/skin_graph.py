"""The U-Net of skin maps as an OpenVINO graph, built node by node from its weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mien.models.codec.canonical import CANONICAL_PX
from mien.models.graph_layers import mean, twice
from mien.models.motion.diffusion.quiet_openvino import op, ov

if TYPE_CHECKING:
    from mien.models.codec.skin_weights import SkinModel

F32 = NDArray[np.float32]


def graph(model: SkinModel) -> ov.Model:
    """skin [1, 4, 128, 128] to feature maps [1, OWN, 128, 128] and code [1, CODE]."""
    w, groups = model.tensors, model.shape.groups
    skin = op.parameter(ov.PartialShape([1, 4, CANONICAL_PX, CANONICAL_PX]), np.float32)
    x = _block(w, "enter", skin, 1, groups)
    levels = [x]
    for i in range(3):
        x = _block(w, f"down.{i}", x, 2, groups)
        levels.append(x)
    code = op.matmul(mean(x), op.constant(w["code.weight"]), False, True)
    code = op.tanh(op.add(code, op.constant(w["code.bias"])))
    for i in range(3):
        x = _block(w, f"up.{i}", op.concat([twice(x), levels[2 - i]], 1), 1, groups)
    own = _conv(w, "leave", x, 1)
    return ov.Model([op.result(own), op.result(code)], [skin], "skin")


def features_request(model: SkinModel) -> Callable[[F32], tuple[F32, F32]]:
    """Compile the graph; what it returns runs it."""
    config = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False,
              "INFERENCE_PRECISION_HINT": "f32"}  # fmt: skip
    compiled = ov.Core().compile_model(graph(model), "CPU", config)

    def run(skin: F32) -> tuple[F32, F32]:
        request = compiled.create_infer_request()
        request.set_input_tensor(ov.Tensor(skin))
        request.infer()
        own, code = (tensor.data.copy() for tensor in request.output_tensors)
        return own, code

    return run


def _conv(w: Any, name: str, x: Any, stride: int) -> Any:
    kernel = w[name + ".weight"]
    pads = [kernel.shape[-1] // 2] * 2
    x = op.convolution(x, op.constant(kernel), [stride] * 2, pads, pads, [1, 1])
    return op.add(x, op.constant(w[name + ".bias"].reshape(1, -1, 1, 1)))


def _block(w: Any, name: str, x: Any, stride: int, groups: int) -> Any:
    for place, step in ((0, stride), (3, 1)):
        x = _conv(w, f"{name}.{place}", x, step)
        scale, bias = (op.constant(w[f"{name}.{place + 1}.{k}"]) for k in ("weight", "bias"))
        x = op.swish(op.group_normalization(x, scale, bias, groups, 1e-5))
    return x
