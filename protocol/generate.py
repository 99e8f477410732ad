"""Makes `control_pb2.py` and `control_pb2.pyi` from `control.proto`; `--check` only compares.

Knows the compiler that fits the pinned protobuf runtime: grpcio-tools 1.62 carries protoc 25, whose
code runs on protobuf 4.25 and newer (a newer compiler's code would refuse to). Refuses to know
other languages: they compile `proto/` with their own tools.

    python protocol/generate.py            # write
    python protocol/generate.py --check    # exit 1 when what is checked in is old
"""

from __future__ import annotations

import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROTO_ROOT = HERE / "proto"
PROTO_FILE = "mien/v1/control.proto"
OUTPUT_DIR = HERE / "mien" / "protocol"
COMPILER_SERIES = "1.62."


def generate(proto_root: Path = PROTO_ROOT) -> dict[str, str]:
    """Compiles the control plane. Returns file name → text. Raises RuntimeError on a wrong tool."""
    found = version("grpcio-tools")
    if not found.startswith(COMPILER_SERIES):
        raise RuntimeError(
            f"grpcio-tools {found} would write code newer than the protobuf runtime; "
            f"install grpcio-tools {COMPILER_SERIES}x"
        )
    from grpc_tools import protoc

    with tempfile.TemporaryDirectory() as folder:
        arguments = ["protoc", f"-I{proto_root}", f"--python_out={folder}", f"--pyi_out={folder}"]
        if protoc.main([*arguments, PROTO_FILE]) != 0:
            raise RuntimeError(f"protoc could not compile {PROTO_FILE}")
        made = Path(folder) / "mien" / "v1"
        return {path.name: _rehome(path.read_text("utf-8")) for path in sorted(made.iterdir())}


def _rehome(text: str) -> str:
    """The messages live in `mien.protocol`, so that the namespace has no `mien.v1` package."""
    return text.replace("mien.v1.control_pb2", "mien.protocol.control_pb2")


def main(arguments: list[str]) -> int:
    """Writes the files, or with `--check` says which of them are old."""
    stale = 0
    for name, text in generate().items():
        target = OUTPUT_DIR / name
        if target.exists() and target.read_text("utf-8") == text:
            continue
        stale += 1
        if "--check" in arguments:
            print(f"{target.name} is not what control.proto gives: run python protocol/generate.py")
        else:
            target.write_text(text, "utf-8", newline="\n")
            print(f"wrote {target.name}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
