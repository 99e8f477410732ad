"""One door for people and CI: `python dev.py demo | test | check | bench | train`.

Knows how to make `.venv`, what each command needs in it, and how to run it. Refuses to know
anything that needs more than the standard library, so that it runs on a bare Python.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "mien-stamp.json"
SUPPORTED = ((3, 11), (3, 12))
BUF = "@bufbuild/buf@1.75.0"
HEADLESS_OPENCV = "opencv-contrib-python-headless"
DEBIAN_LIBRARIES = "libgl1 libglib2.0-0"


class SetupError(Exception):
    """A person has to do something first; the message says what."""


@dataclass(frozen=True)
class Command:
    """What a command needs installed and what it does, in one line."""

    extras: frozenset[str]
    about: str


COMMANDS = {
    "demo": Command(
        frozenset({"daemon"}), "enrol, speak and record through a real daemon: out/demo.mp4"
    ),
    "test": Command(frozenset({"daemon", "dev"}), "run the test suite (arguments go to pytest)"),
    "check": Command(frozenset({"daemon", "dev"}), "ruff, mypy --strict, buf lint"),
    "bench": Command(frozenset({"daemon"}), "measure this machine (arguments go to mien bench)"),
    "train": Command(
        frozenset({"daemon", "train"}), "train motion|codec: from nothing to weights (hours)"
    ),
}
TRAININGS = {  # what `train` takes first, and what runs
    "motion": "training.motion.train",
    "codec": "training.codec.train",
}


def say(text: str) -> None:
    """A line for the person, before what the tools print."""
    print(f"dev.py: {text}", flush=True)


# --- the interpreter --------------------------------------------------------------------------


def version_of(python: Sequence[str]) -> tuple[int, int] | None:
    """(major, minor) of an interpreter, None where it cannot be run."""
    code = "import sys; print(*sys.version_info[:2])"
    try:
        out = subprocess.run([*python, "-c", code], capture_output=True, text=True, timeout=30)
        major, minor = out.stdout.split()
        return int(major), int(minor)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def find_python() -> list[str]:
    """The interpreter to build `.venv` with: this one if it fits, else one from the path."""
    if sys.version_info[:2] in SUPPORTED:
        return [sys.executable]
    for major, minor in reversed(SUPPORTED):
        for candidate in ([f"python{major}.{minor}"], ["py", f"-{major}.{minor}"]):
            if shutil.which(candidate[0]) and version_of(candidate) == (major, minor):
                return candidate
    wanted = " or ".join(f"{major}.{minor}" for major, minor in SUPPORTED)
    have = ".".join(str(part) for part in sys.version_info[:3])
    raise SetupError(f"mien needs Python {wanted}; this is Python {have} and no other was found")


def venv_python() -> Path:
    """The interpreter inside `.venv`."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


# --- what is installed ------------------------------------------------------------------------


def fingerprint() -> str:
    """Changes when what should be installed changes."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def installed_extras() -> frozenset[str]:
    """The extras that `.venv` holds at this fingerprint; empty where it is out of date."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
        fresh = stamp["fingerprint"] == fingerprint() and venv_python().exists()
        return frozenset(stamp["extras"]) if fresh else frozenset()
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()


def make_venv() -> None:
    """Create `.venv` unless a working one of a supported Python is there."""
    if venv_python().exists() and version_of([str(venv_python())]) in SUPPORTED:
        return
    python = find_python()
    say(f"making {VENV.name} with {' '.join(python)}")
    if subprocess.run([*python, "-m", "venv", "--clear", str(VENV)]).returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        raise SetupError(
            "this Python cannot make virtual environments; on Debian or Ubuntu run: "
            "sudo apt-get install python3-venv"
        )


def pip(*arguments: str) -> None:
    """Run pip inside `.venv`."""
    command = [str(venv_python()), "-m", "pip", "--disable-pip-version-check", *arguments]
    if subprocess.run(command, cwd=ROOT).returncode:
        raise SetupError("pip could not finish (its message is above)")


def ensure(extras: frozenset[str]) -> None:
    """Bring `.venv` to what `extras` need; does nothing when it already is there."""
    have = installed_extras()
    if extras <= have:
        return
    make_venv()
    # What an earlier command installed stays installed.
    wanted = sorted(extras | have)
    say(f"installing mien[{','.join(wanted)}] (once; a few minutes on a fresh machine)")
    pip("install", "--quiet", "-c", "constraints.txt", "-e", f".[{','.join(wanted)}]")
    if "daemon" in wanted:
        ensure_opencv()
        say("compiling the codec's kernels (once; about half a minute)")
        if run(str(venv_python()), "-m", "mien.models.codec.warm"):
            raise SetupError("the codec's kernels cannot be compiled (the message is above)")
    STAMP.write_text(
        json.dumps({"fingerprint": fingerprint(), "extras": wanted}, indent=1), encoding="utf-8"
    )


def opencv_complaint() -> str:
    """Why `import cv2` fails inside `.venv`; empty where it works."""
    run = subprocess.run(
        [str(venv_python()), "-c", "import cv2"], capture_output=True, text=True, cwd=ROOT
    )
    return "" if run.returncode == 0 else (run.stderr.strip().splitlines() or ["it crashed"])[-1]


def ensure_opencv() -> None:
    """Make cv2 importable where the window libraries its default build wants are absent.

    mediapipe asks for opencv-contrib-python by name, and that build links libGL and GLib for
    windows that mien never opens. The headless build of the same version needs neither.
    """
    complaint = opencv_complaint()
    if not complaint:
        return
    say(f"OpenCV does not load here ({complaint}); taking its headless build instead")
    pip("uninstall", "--quiet", "--yes", "opencv-contrib-python")
    pip("install", "--quiet", "--no-deps", "-c", "constraints.txt", HEADLESS_OPENCV)
    complaint = opencv_complaint()
    if complaint:
        raise SetupError(
            f"OpenCV does not load: {complaint}\n"
            f"on Debian or Ubuntu run: sudo apt-get install {DEBIAN_LIBRARIES}"
        )


# --- the commands -----------------------------------------------------------------------------


def run(*command: str, cwd: Path = ROOT) -> int:
    """Run a command in the foreground; its exit status."""
    return subprocess.run(list(command), cwd=cwd).returncode


def run_tool(module: str, *arguments: str) -> int:
    """Run `python -m module` inside `.venv`."""
    return run(str(venv_python()), "-m", module, *arguments)


def buf_lint() -> int:
    """Lint the wire contract; without node there is nothing to run it with, and it says so."""
    npx = shutil.which("npx")
    if npx is None:
        say("buf lint SKIPPED: it runs through npx, and node is not installed here")
        return 0
    return run(npx, "--yes", BUF, "lint", cwd=ROOT / "protocol")


def check() -> int:
    """Every check, even after one has failed; 0 when all are clean."""
    steps = {
        "ruff check": lambda: run_tool("ruff", "check", "."),
        "ruff format": lambda: run_tool("ruff", "format", "--check", "."),
        "mypy": lambda: run_tool("mypy"),
        "buf lint": buf_lint,
    }
    failed = []
    for name, step in steps.items():
        say(name)
        if step():
            failed.append(name)
    say(f"failed: {', '.join(failed)}" if failed else "all checks are clean")
    return 1 if failed else 0


def check_training(rest: Sequence[str]) -> None:
    """Raises SetupError for a training that there is not, before an hour of installing."""
    if not rest or rest[0] not in TRAININGS:
        raise SetupError(f"train what? python dev.py train {'|'.join(TRAININGS)} [...]")


def perform(command: str, rest: Sequence[str]) -> int:
    """Do what was asked, with everything it needs in place."""
    if command == "check":
        return check()
    if command == "test":
        return run_tool("pytest", *rest)
    if command == "train":
        return run_tool(TRAININGS[rest[0]], *rest[1:])
    if command == "demo":
        return run_tool("mien.backend.demo", *rest)
    return run_tool("mien.backend.cli", "bench", *rest)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: the command's own, or 2 when it could not be started."""
    parser = argparse.ArgumentParser(
        prog="dev.py",
        description="Sets up .venv beside itself, then runs one command in it.",
        epilog="\n".join(f"  {name:6} {command.about}" for name, command in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="demo|test|check|bench|train")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="passed on to what runs")
    options = parser.parse_args(arguments)
    try:
        if options.command == "train":
            check_training(options.rest)
        ensure(COMMANDS[options.command].extras)
    except SetupError as problem:
        print(f"dev.py: {problem}", file=sys.stderr)
        return 2
    try:
        return perform(options.command, options.rest)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
