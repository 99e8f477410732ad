"""Which engine profile is measured: what the daemon must be told, and whether it can be had.

Knows the two words of the command line. Refuses to know engines.
"""

from __future__ import annotations

from importlib.util import find_spec

from mien.backend.cli.problems import BadInput


def profile_flags(profile: str | None) -> tuple[str, ...]:
    """The flags of `mien serve`. Raises BadInput for a GPU that is not there."""
    if profile == "gpu" and not gpu_there():
        raise BadInput(
            "--profile gpu needs torch and a CUDA device, and this machine has none: "
            "leave it out, or take --profile cpu"
        )
    return ("--profile=gpu",) if profile == "gpu" else ()  # cpu is what every daemon can


def gpu_there() -> bool:
    """Whether torch sees a CUDA device."""
    if find_spec("torch") is None:
        return False
    import torch

    return bool(torch.cuda.is_available())
