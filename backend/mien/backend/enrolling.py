"""`python -m mien.backend.enrolling`: one enrolment, in a process of its own.

Knows how a job comes in (length, then msgpack, on standard input) and how its outcome goes out (on
standard output). A picture is a stranger's bytes and seconds of work for every core: here it can
neither delay a frame nor take the daemon down. Ends at once when the daemon does.
"""

from __future__ import annotations

import os
import struct
import sys
import threading
from pathlib import Path
from typing import BinaryIO

import msgspec

LENGTH = struct.Struct("<Q")


class Job(msgspec.Struct):
    """A portrait to be enrolled; exactly one of `path` and `data`."""

    path: str | None
    data: bytes | None
    face: int | None
    name: str | None
    consent: str
    output_path: str


class FoundFace(msgspec.Struct):
    """A face in a picture that has several, in pixels."""

    number: int
    x_px: int
    y_px: int
    width_px: int
    height_px: int


class Outcome(msgspec.Struct):
    """A character's file, or why there is none (`code` "" for other faults)."""

    data: bytes | None = None
    code: str = ""
    message: str = ""
    faces: list[FoundFace] = []


def enrol(job: Job) -> Outcome:
    """Does the job; every way to fail is an outcome."""
    from mien.models.character import CharacterFileError
    from mien.models.enrolment import EnrolmentError, enroll

    image = Path(job.path) if job.path is not None else job.data or b""
    try:
        character = enroll(image, face=job.face, name=job.name, consent=job.consent)
        if job.output_path:
            character.save(job.output_path)
        return Outcome(data=character.to_bytes())
    except EnrolmentError as error:
        faces = [FoundFace(f.number, f.x_px, f.y_px, f.width_px, f.height_px) for f in error.faces]
        return Outcome(code=error.code, message=error.message, faces=faces)
    except CharacterFileError as error:
        return Outcome(message=error.message)
    except OSError as error:
        return Outcome(message=f"cannot write {job.output_path}: {error.strerror}")


def write_framed(stream: BinaryIO, data: bytes) -> None:
    """Length, then bytes."""
    stream.write(LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def read_framed(stream: BinaryIO) -> bytes:
    """What `write_framed` wrote; raises EOFError when it ends before."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise EOFError
    (size,) = LENGTH.unpack(head)
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _end_with_parent(stream: BinaryIO) -> None:
    stream.read()
    os._exit(1)


def main() -> None:
    """One job in, one outcome out."""
    # Libraries print: what they say must not get into the answer.
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    if hasattr(os, "nice"):
        os.nice(10)  # frames of live actors go first
    job = msgspec.msgpack.decode(read_framed(sys.stdin.buffer), type=Job)
    threading.Thread(target=_end_with_parent, args=(sys.stdin.buffer,), daemon=True).start()
    write_framed(answer, msgspec.msgpack.encode(enrol(job)))
    answer.close()
    os._exit(0)  # model runtimes take their time to say goodbye


if __name__ == "__main__":
    main()
