"""The appearance encoder's weights file, with batch norms folded into the convolutions before them.

Knows names, shapes and the file (`mien.models.weights_file`). Refuses to run anything.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.models.appearance.shapes import CODE, GROUPS, WIDTHS
from mien.models.weights_file import Kind, Weights

F32 = NDArray[np.float32]
VERSION = 1
SHIPPED = Path(__file__).parents[1] / "weights" / "appearance.safetensors"


class AppearanceWeightsError(ValueError):
    """A weights file is missing, damaged, foreign or of another shape; the message says which."""


AppearanceModel = Weights


def expected_tensors() -> dict[str, tuple[int, ...]]:
    """Return names and shapes of all tensors."""
    a, b, c, d, e = WIDTHS
    kernels = {"stem": (a, 3, 5, 5), "rise.0": (d, e, 1, 1), "near": (a, a, 3, 3),
               "groups": (len(GROUPS), a, 1, 1), "depth": (1, a, 1, 1)}  # fmt: skip
    for place, (into, width) in enumerate(((d, c), (c, b), (b, a)), start=1):
        kernels[f"rise.{place}"] = (width, into, 3, 3)
    levels = (("fine", a, b, 1), ("middle", b, c, 1), ("far", c, d, 2), ("whole", d, e, 2))
    for name, into, width, residuals in levels:
        kernels[f"{name}.0"] = (width, into, 3, 3)
        for place in range(1, residuals + 1):
            for part in ("first", "second"):
                kernels[f"{name}.{place}.{part}"] = (width, width, 3, 3)
    out: dict[str, tuple[int, ...]] = {"who.weight": (CODE, e), "who.bias": (CODE,)}
    for name, kernel in kernels.items():
        out |= {f"{name}.weight": kernel, f"{name}.bias": kernel[:1]}
    return out


_KIND = Kind(
    "mien_appearance",
    VERSION,
    "the appearance encoder",
    AppearanceWeightsError,
    expected_tensors,
    SHIPPED,
)
save_model, load_model = _KIND.save, _KIND.load
