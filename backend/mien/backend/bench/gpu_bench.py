"""The bench of a GPU machine: one script, from a bare checkout.

    python backend/mien/backend/bench/gpu_bench.py [--json] [--actors 1,4,16,64,128] [--device cuda]
        [--scene FILE] [--size PX] [--runs N]

needs torch (with Triton), numpy, safetensors, msgspec, protobuf, pyzmq and cuda-bindings, and no
installation: it finds the models from its own place. Drawing needs a scene as well, which a machine
with the whole mien makes of a character: `gpu_bench.py --prepare FILE.mien --scene FILE`.

Knows how to time motion and drawing for many actors together, from the call until the device is
done. Refuses to know daemons: actors sustained, latencies and rings are `mien bench`'s. It was
NEVER RUN ON CUDA by its authors, who had no GPU; with `--device cpu` it runs anywhere, slowly,
through Triton's interpreter, to see that it works: such figures say nothing of a GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[4]
ACTORS = (1, 4, 16, 64, 128)
FPS = 40.0  # frames a second of each actor that the table is for
BLOCKS = 12.5  # of motion a second, two frames each
WARM_UP = 3
MOST_TOGETHER = 64  # actors in a batch; more go in several


def main(words: Sequence[str] | None = None) -> int:
    """0 measured, 2 bad input."""
    asked = _arguments(words)
    for folder in ("models", "backend", "protocol"):
        if str(ROOT / folder) not in sys.path:
            sys.path.insert(0, str(ROOT / folder))
    problem = _problem(asked)
    if problem is not None:
        print(f"gpu_bench: {problem}", file=sys.stderr)
        return 2
    if asked.prepare is not None:
        from mien.backend.bench.gpu_scene import write

        write(asked.prepare, asked.scene)
        return 0
    if asked.device == "cpu":
        os.environ["TRITON_INTERPRET"] = "1"  # Triton asks once, when it is imported
    found = measure(asked)
    if asked.json:
        print(json.dumps(found, indent=2))
    else:
        print("\n".join(table(found)))
    return 0


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Everything, by number of actors."""
    from mien.backend.bench.gpu_scene import stand_in

    missing = stand_in()
    rows: list[dict[str, Any]] = [{"actors": count} for count in asked.actors]
    _tell("motion")
    motion = _motion(asked.device)
    for row in rows:
        row["motion_ms"] = _times(partial(motion, row["actors"]), asked)
    if asked.scene is not None:
        from mien.backend.bench.gpu_scene import Replay

        _tell("drawing")
        replay = Replay(asked.scene, asked.device)
        for row in rows:
            draw = _drawing(replay, row["actors"], asked.size, asked.device)
            row["draw_ms"] = _times(draw, asked)
    for row in rows:
        row.update(_judged(row))
    return {
        "machine": _machine(asked.device),
        "device": asked.device,
        "size": asked.size,
        "fps": FPS,
        "stand_ins_for": missing,
        "rows": rows,
    }


def table(found: dict[str, Any]) -> list[str]:
    """As Markdown."""
    lines = [
        "; ".join(f"{name} {value}" for name, value in found["machine"].items()),
        "",
        f"| actors | a block of motion, ms | a frame of all at {found['size']} px, ms "
        f"| busy at {found['fps']:g} a second |",
        "|---|---|---|---|",
    ]
    for row in found["rows"]:
        cells = [_cell(row.get(name)) for name in ("motion_ms", "draw_ms")]
        busy = row.get("busy")
        cells.append("–" if busy is None else f"{busy:.0%}")
        lines.append(f"| {row['actors']} | {' | '.join(cells)} |")
    return lines


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Motion and drawing on a GPU, for many actors.")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--device", default="cuda", help="torch's name of one, or cpu")
    parser.add_argument("--actors", type=_counts, default=ACTORS, help="such as 1,4,16")
    parser.add_argument("--size", type=int, default=512, help="of frames: 512, 256 or 128 px")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--scene", type=Path, help="what --prepare wrote")
    parser.add_argument("--prepare", type=Path, metavar="FILE.mien", help="write --scene of it")
    return parser.parse_args(words)


def _counts(text: str) -> tuple[int, ...]:
    counts = tuple(int(part) for part in text.split(","))
    if not all(0 < count <= 1024 for count in counts):
        raise argparse.ArgumentTypeError("1 to 1024 actors")
    return counts


def _problem(asked: argparse.Namespace) -> str | None:
    if asked.size not in (512, 256, 128):
        return f"--size is {asked.size}; it must be 512, 256 or 128"
    if asked.runs < 1:
        return f"--runs is {asked.runs}; it must be 1 or more"
    if asked.prepare is not None:
        if asked.scene is None:
            return "--prepare needs --scene, the file to write"
        return None if asked.prepare.is_file() else f"there is no file '{asked.prepare}'"
    if asked.scene is not None and not asked.scene.is_file():
        return f"there is no file '{asked.scene}'; --prepare writes one"
    import torch

    if asked.device != "cpu" and not torch.cuda.is_available():
        return "torch sees no CUDA device here; --device cpu shows that the script works"
    return None


def _motion(device: str) -> Callable[[int], None]:
    """What makes a block of motion for so many actors: 4 steps, the engine's torch executor."""
    import numpy as np

    from mien.models.engine.network import make_executor
    from mien.models.motion.diffusion.generator import DiffusionMotion
    from mien.models.motion.diffusion.networks import ExecutedRuntime
    from mien.models.motion.diffusion.weights import load_model
    from mien.models.motion.types import HOP_SAMPLES, Controls

    def executor(network: Any) -> Any:
        return make_executor(network, "torch", device=device)

    generator = DiffusionMotion(ExecutedRuntime(load_model(), executor, "torch"))
    states: dict[int, Any] = {}
    rng = np.random.default_rng(0)

    def block(count: int) -> None:
        state = states.setdefault(count, generator.new_state(count))
        size = (count, generator.block_frames * HOP_SAMPLES)
        sound = rng.standard_normal(size, np.float32) * np.float32(0.1)
        wishes = [Controls.neutral(generator.block_frames)] * count
        generator.step(state, sound, wishes, np.ones(count, np.bool_))

    return block


def _drawing(replay: Any, count: int, size: int, device: str) -> Callable[[], None]:
    import torch

    outs = [torch.zeros((size, size, 4), dtype=torch.uint8, device=device) for _ in range(count)]

    def draw() -> None:
        for at in range(0, count, MOST_TOGETHER):
            replay.draw(outs[at : at + MOST_TOGETHER])

    return draw


def _times(call: Callable[[], None], asked: argparse.Namespace) -> dict[str, float]:
    """Wall clock from the call until the device is done: median and 95th percentile, ms."""
    import numpy as np
    import torch

    taken = []
    warm_up = 0 if asked.device == "cpu" else WARM_UP
    for _ in range(warm_up + asked.runs):
        began = time.perf_counter()
        call()
        if asked.device != "cpu":
            torch.cuda.synchronize()
        taken.append((time.perf_counter() - began) * 1e3)
    middle, high = np.percentile(taken[warm_up:], (50, 95))
    return {"p50": round(float(middle), 4), "p95": round(float(high), 4)}


def _judged(row: dict[str, Any]) -> dict[str, float]:
    """How busy one thread that does both, one after the other, would be."""
    if "draw_ms" not in row:
        return {}
    spent_ms = FPS * row["draw_ms"]["p50"] + BLOCKS * row["motion_ms"]["p50"]
    return {"busy": round(spent_ms / 1e3, 4)}


def _machine(device: str) -> dict[str, str]:
    import torch

    found = {"processor": platform.processor() or platform.machine(), "torch": torch.__version__}
    if device != "cpu":
        about = torch.cuda.get_device_properties(device)
        found |= {"GPU": about.name, "memory": f"{about.total_memory >> 20:,} MiB"}
        found["CUDA"] = str(torch.version.cuda)
    return found


def _cell(times: dict[str, float] | None) -> str:
    return "–" if times is None else f"{times['p50']:.3g} (p95 {times['p95']:.3g})"


def _tell(what: str) -> None:
    print(f"gpu_bench: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
