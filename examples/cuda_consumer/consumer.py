"""Frames of an actor, copied out of a cuda_ipc ring on the GPU: the Python consumer.

Knows how to ask a running daemon for a ring on the GPU, to copy its newest frame into memory of its
own there, and to write that down as a PNG. Needs `mien` and `cuda-bindings`, and no torch.

    mien serve --ring cuda_ipc                              # in one terminal
    python consumer.py hero.mien --out frame.png            # in another
    python consumer.py hero.mien --share ring.txt           # for the C++ consumer beside this file
"""

from __future__ import annotations

import argparse
import os
import struct
import sys
import time
import zlib
from pathlib import Path
from typing import Any

from mien.protocol import ActorHandle, Client, MienError

BYTES_PER_PIXEL = 4


def ok(answer: tuple[Any, ...]) -> Any:
    """The value of a driver call; ends the program with the driver's own word for the error."""
    result, *values = answer
    if result.value:
        sys.exit(f"CUDA says {result.name}")
    return values[0] if values else None


class Image:
    """An RGBA picture in this process's own device memory, as any library of the GPU has one."""

    def __init__(self, width: int, height: int) -> None:
        from cuda.bindings import driver

        self._driver = driver
        self.width, self.height = width, height
        self.pointer = int(ok(driver.cuMemAlloc(width * height * BYTES_PER_PIXEL)))

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        shape = (self.height, self.width, BYTES_PER_PIXEL)
        return {"version": 3, "shape": shape, "typestr": "|u1", "data": (self.pointer, False)}

    def download(self, stream: int) -> bytearray:
        """Waits for the stream, then copies to the host."""
        pixels = bytearray(self.width * self.height * BYTES_PER_PIXEL)
        ok(self._driver.cuStreamSynchronize(stream))
        ok(self._driver.cuMemcpyDtoH(pixels, self.pointer, len(pixels)))
        return pixels

    def free(self) -> None:
        """Gives the memory back."""
        ok(self._driver.cuMemFree(self.pointer))


def enter_gpu(uuid: str) -> None:
    """Makes the primary context of the ring's GPU this thread's own."""
    from cuda.bindings import driver

    ok(driver.cuInit(0))
    for ordinal in range(ok(driver.cuDeviceGetCount())):
        device = ok(driver.cuDeviceGet(ordinal))
        found = ok(driver.cuDeviceGetUuid(device)).bytes.hex()
        if found == uuid.removeprefix("GPU-").replace("-", ""):
            ok(driver.cuCtxSetCurrent(ok(driver.cuDevicePrimaryCtxRetain(device))))
            return
    sys.exit(f"the ring is on {uuid}, which is not here")


def write_png(path: Path, width: int, height: int, rgba: bytes | bytearray) -> None:
    """An 8-bit RGBA PNG (ISO/IEC 15948), rows unfiltered."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    row = width * BYTES_PER_PIXEL
    rows = b"".join(b"\0" + bytes(rgba[y * row : (y + 1) * row]) for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    parts = [chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def look(actor: ActorHandle, frames: int, out: Path) -> None:
    """Copies so many frames on the GPU, says how fast they came, writes the last one."""
    from cuda.bindings import driver

    assert actor.ring is not None
    enter_gpu(actor.ring.cuda.gpu_uuid)
    image = Image(actor.ring.width_px, actor.ring.height_px)
    stream = int(ok(driver.cuStreamCreate(int(driver.CUstream_flags.CU_STREAM_NON_BLOCKING))))
    seen, last, started = 0, None, time.monotonic()
    while seen < frames:
        frame = actor.latest_device(image, stream)
        if frame is not None and frame.stale:
            sys.exit("the daemon makes no more frames")
        if frame is last:
            time.sleep(0.002)  # a game has a frame of its own to draw here
            continue
        seen, last = seen + 1, frame
    seconds = time.monotonic() - started
    print(f"{seen} frames in {seconds:.2f} s; the last is frame {last.frame_id}, "
          f"{last.width_px}x{last.height_px}, at {last.pts_us} us")  # fmt: skip
    write_png(out, image.width, image.height, image.download(stream))
    print(f"wrote {out}")
    image.free()
    ok(driver.cuStreamDestroy(stream))


def share(actor: ActorHandle, path: Path) -> None:
    """Writes down what another process needs to open the ring; keeps the actor until Enter."""
    ring = actor.ring
    assert ring is not None
    lines = [
        f"segment {ring.name}", f"size_bytes {ring.size_bytes}", f"epoch {ring.epoch}",
        f"generation {ring.cuda.generation}", f"slots {ring.slots}",
        f"gpu_uuid {ring.cuda.gpu_uuid}", f"memory {ring.cuda.memory_handle.hex()}",
        *(f"event {handle.hex()}" for handle in ring.cuda.event_handles),
    ]  # fmt: skip
    # Who has the handles can read the frames.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write("\n".join(lines) + "\n")
    print(f"wrote {path}; end the C++ consumer first, then press Enter to end the actor")
    sys.stdin.readline()


def main() -> None:
    """Reads the options and does it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("character", type=Path, help="a .mien file")
    parser.add_argument("--run-dir", type=Path, help="of the daemon; default: the usual one")
    parser.add_argument("--frames", type=int, default=50, help="to be copied")
    parser.add_argument("--out", type=Path, default=Path("frame.png"), help="a PNG of the last one")
    parser.add_argument("--share", type=Path, help="write the handles there, for another process")
    options = parser.parse_args()
    try:
        with Client.connect(options.run_dir, name="cuda-consumer") as client:
            actor = client.spawn(options.character, ring="cuda_ipc")
            print(f"ring: {actor.ring_reason}")
            if options.share is not None:
                share(actor, options.share)
            else:
                look(actor, max(options.frames, 1), options.out)
    except MienError as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
