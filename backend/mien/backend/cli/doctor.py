"""What this machine offers and what mien will use of it.

Knows where to look: CPU, GPU, memory, rings, encoders, libraries. Refuses to change anything, and
to fail: what cannot be found out is said to be unknown.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TypedDict

import numpy as np
import psutil

LIBRARIES = (
    "mien", "numpy", "numba", "opencv-contrib-python", "opencv-contrib-python-headless",
    "mediapipe", "av", "soxr", "soundfile", "pillow", "safetensors", "pyzmq", "msgspec",
    "protobuf", "openvino", "torch",
)  # fmt: skip
WORTH_NAMING = ("SSE42", "AVX2", "FMA3", "AVX512F", "AVX512_SPR", "NEON", "ASIMD", "SVE")


class Gpu(TypedDict):
    """One graphics card as its driver names it."""

    name: str
    memory_mib: int
    driver: str
    uuid: str


class Ring(TypedDict):
    """A way for frames to reach a reader, and whether it is to be had here."""

    kind: str
    usable: bool
    why: str


class Choices(TypedDict):
    """What mien takes of all this."""

    codec: str
    motion: str
    ring: str
    transport: str
    video: str


class Report(TypedDict):
    """Everything `mien doctor` prints."""

    versions: dict[str, str]
    platform: str
    python: str
    cpu: str
    cores: int
    cpu_features: list[str]
    memory_mib: int
    gpus: list[Gpu]
    rings: list[Ring]
    encoders: dict[str, bool]
    opencv: str
    libgl: bool
    font: str
    zmq: str
    run_dir: str
    uses: Choices
    problems: list[str]


def cpu_name() -> str:
    """The processor's marketing name, or its architecture where that is all there is."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def cpu_features() -> list[str]:
    """The vector extensions that matter here, as NumPy detects them on any platform."""
    core = getattr(np, "_core", None) or getattr(np, "core", None)
    umath = getattr(core, "_multiarray_umath", None)
    found: dict[str, bool] = getattr(umath, "__cpu_features__", {})
    return [name for name in WORTH_NAMING if found.get(name)]


def gpus() -> list[Gpu]:
    """NVIDIA cards, from the driver's own tool; empty where there is none."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    query = "--query-gpu=name,memory.total,driver_version,uuid"
    try:
        run = subprocess.run(
            [tool, query, "--format=csv,noheader,nounits"],
            capture_output=True, text=True, timeout=20,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return []
    rows = [[part.strip() for part in line.split(",")] for line in run.stdout.splitlines()]
    return [
        Gpu(name=row[0], memory_mib=int(row[1]), driver=row[2], uuid=row[3])
        for row in rows
        if run.returncode == 0 and len(row) == 4 and row[1].isdigit()
    ]


def rings() -> list[Ring]:
    """Which rings this machine and this version can do."""
    shared = Path("/dev/shm")
    if os.name == "nt":
        first = Ring(kind="named-mapping", usable=True, why="not run by us on Windows yet")
    elif shared.is_dir():
        free_mib = shutil.disk_usage(shared).free >> 20
        first = Ring(kind="posix", usable=free_mib > 16, why=f"{free_mib} MiB free")
    else:
        first = Ring(kind="posix", usable=True, why="shared memory of unknown size")
    from mien.protocol import cuda_bindings

    no_gpu = cuda_bindings.why_not()
    why = no_gpu or "for who asks for frames on the GPU (spawn(ring='gpu'))"
    return [
        first,
        Ring(kind="cuda-ipc", usable=no_gpu is None, why=why),
        Ring(kind="external", usable=False, why="not in this version"),
    ]


def encoders() -> dict[str, bool]:
    """The encoders that PyAV carries, by name."""
    import av

    return {name: name in av.codecs_available for name in ("libx264", "aac", "png", "h264_nvenc")}


def opencv_state() -> tuple[str, str]:
    """Version of OpenCV, and why it does not load where it does not."""
    try:
        return str(importlib.import_module("cv2").__version__), ""
    except ImportError as problem:
        return "", (
            f"OpenCV does not load ({problem}); on Debian or Ubuntu run: "
            "sudo apt-get install libgl1 libglib2.0-0"
        )


def has_libgl() -> bool:
    """Whether the system's OpenGL library is there (only windowed OpenCV builds want it)."""
    import ctypes.util

    return ctypes.util.find_library("GL") is not None


def font() -> str:
    """The face that contact sheets are labelled with."""
    from PIL import ImageFont

    try:
        face = ImageFont.load_default(14)
        name = face.getname()[0] if isinstance(face, ImageFont.FreeTypeFont) else None
    except OSError:
        name = None
    return f"{name} (comes with Pillow)" if name else "a bitmap font (Pillow without FreeType)"


def versions() -> dict[str, str]:
    """Installed versions of what mien stands on."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def motion_state() -> tuple[str, str]:
    """What moves faces here, and why the diffusion source does not where it does not."""
    from mien.backend.motion import MotionChoice

    choice = MotionChoice()
    try:
        generator = choice.make()
    except (ImportError, OSError, ValueError, RuntimeError) as problem:
        return "signal, with --motion signal", f"the diffusion source does not work: {problem}"
    runtime = getattr(generator, "runtime", None)
    precision = getattr(runtime, "precision", None)
    return choice.words(generator) + (f" in {precision}" if precision else ""), ""


def default_run_dir() -> str:
    """Where a daemon started here would keep its sockets."""
    from mien.protocol.rundir import default_run_dir as place

    return str(place())


def zmq_state() -> str:
    """Version of libzmq and whether it can encrypt."""
    import zmq

    return f"{zmq.zmq_version()}, CURVE {'yes' if zmq.has('curve') else 'NO'}"


def examine() -> Report:
    """Look at everything once."""
    opencv, complaint = opencv_state()
    problems = [complaint] if complaint else []
    available = encoders()
    problems += [f"PyAV here lacks {name}" for name in ("libx264", "aac") if not available[name]]
    offered = rings()
    problems += [f"ring {r['kind']}: {r['why']}" for r in offered[:1] if not r["usable"]]
    motion, complaint = motion_state()
    problems += [complaint] if complaint else []
    if sys.version_info[:2] not in ((3, 11), (3, 12)):
        problems.append("mien is tested on Python 3.11 and 3.12")
    return Report(
        versions=versions(),
        platform=platform.platform(),
        python=platform.python_version(),
        cpu=cpu_name(),
        cores=len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1,
        cpu_features=cpu_features(),
        memory_mib=psutil.virtual_memory().total >> 20,
        gpus=gpus(),
        rings=offered,
        encoders=available,
        opencv=opencv,
        libgl=has_libgl(),
        font=font(),
        zmq=zmq_state(),
        run_dir=default_run_dir(),
        uses=Choices(
            codec="profile cpu; gpu where asked for (mien serve --profile gpu)",
            motion=motion,
            ring=offered[0]["kind"],
            transport="tcp on loopback with CURVE" if os.name == "nt" else "ipc",
            video="libx264" if available["libx264"] else "none",
        ),
        problems=problems,
    )
