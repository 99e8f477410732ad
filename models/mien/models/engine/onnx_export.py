"""Networks as ONNX files: what TensorRT builds engines from, and anybody else may run.

Knows torch's exporter and one opset. Refuses to know networks. The number of lanes stays open, all
other sizes are fixed. Needs torch, onnx and onnxscript (`mien[tensorrt]`).
"""

from __future__ import annotations

import logging
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from mien.models.engine.executor import Ports

OPSET = 18  # torch's exporter writes it natively; TensorRT 10 and 11, onnxruntime, OpenVINO read it
_EXAMPLE_LANES = 2  # 0 and 1 would be taken for constants


def exported(module: nn.Module, ports: Ports) -> bytes:
    """The network as an ONNX file's bytes, weights inside; inputs and outputs named as the ports.

    `module` must be on the CPU. Raises ImportError where onnxscript is not installed.
    """
    example = tuple(torch.zeros(port.full(_EXAMPLE_LANES)) for port in ports.inputs)
    lanes = torch.export.Dim.DYNAMIC
    open_axes = tuple({port.axis: lanes} if port.lanes else {} for port in ports.inputs)
    logs = logging.getLogger("torch.onnx"), logging.getLogger("onnxscript")
    levels = [log.level for log in logs]
    try:
        for log in logs:
            log.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the exporter's own insides
            program = torch.onnx.export(
                _AsTuple(module).eval(),
                example,
                dynamo=True,
                opset_version=OPSET,
                input_names=[port.name for port in ports.inputs],
                output_names=[port.name for port in ports.outputs],
                dynamic_shapes=(open_axes,),
                external_data=False,
                verbose=False,
            )
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)
    assert program is not None  # None is what the old exporter gives
    written: bytes = program.model_proto.SerializeToString()
    return written


class _AsTuple(nn.Module):
    """A network whose inputs are one list and whose outputs are always several."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: Tensor) -> tuple[Any, ...]:
        """All outputs of the network."""
        given = self.module(*inputs)
        return (given,) if isinstance(given, Tensor) else tuple(given)
