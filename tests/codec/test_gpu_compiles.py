"""Kernels of the device compile for a GPU, which takes none: Triton's compiler, down to sm_90."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

CODE = """
import inspect, triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from mien.models.codec.gpu import dress, frame, pack, raster

KINDS = {"addresses": "*i64", "slots": "*i64", "triangles": "*i32", "order": "*i32",
         "mesh": "*i32", "cells": "*i32", "seen": "*u8", "frames": "*i32"}
NUMBERS = {"vertices", "count", "stride", "size", "map_px", "sheet_cells", "face_cells"}

def compiled(kernel, out="*fp32", **constants):
    names = inspect.signature(kernel.fn).parameters
    kinds = {n: "i32" if n in NUMBERS else KINDS.get(n, out if n == "out" else "*fp32")
             for n in names if n not in constants}
    kinds |= {n: "constexpr" for n in constants}
    source = ASTSource(kernel, {n: kinds[n] for n in names}, constants)
    made = triton.compile(source, target=GPUTarget("cuda", 90, 32))
    assert len(made.asm["cubin"]) > 1000 and ".target sm_90" in made.asm["ptx"]
    print(kernel.fn.__name__, len(made.asm["cubin"]))

compiled(raster.rasterise_kernel, CHANNELS=8, TILE=raster.TILE, CHUNK=raster.CHUNK)
compiled(dress.dress_kernel, BLOCK=dress.BLOCK)
compiled(pack.pack_kernel, SHRINK=2, BLOCK=pack.BLOCK)
compiled(frame.frame_kernel, out="*i32", SIZE=512, WIDE=frame.WIDE, HIGH=frame.HIGH)
"""


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("triton") is None or find_spec("torch") is None,
    reason="Triton and torch are not both installed (Linux alone has the former)",
)
def test_every_kernel_compiles_for_a_gpu_of_the_h200_s_kind():
    environment = os.environ | {"TRITON_INTERPRET": "0"}
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=280, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names == ["rasterise_kernel", "dress_kernel", "pack_kernel", "frame_kernel"]
