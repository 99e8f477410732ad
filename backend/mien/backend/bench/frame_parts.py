"""How long each part of a frame takes, on one core: mel, motion, flow, warp, nets, pack, publish.

Knows which functions of the models belong to which part, and times them by putting a stopwatch
around them while it measures: nothing is left in the code that runs. What such a function calls
that belongs to another part is not counted twice; what belongs to none is the warp's (in a decoder)
or the motion's (in a generator). Refuses to know daemons.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mien.backend.bench.offline import one_core
from mien.backend.lanes import Feed, LaneBuckets
from mien.backend.line import PcmFormat
from mien.backend.modelset import StreamEars
from mien.backend.motion import MotionChoice
from mien.models.character import load
from mien.models.codec.decoder import Decoder
from mien.models.motion.types import FRAME_RATE_HZ, HOP_SAMPLES, Controls, MotionGenerator
from mien.protocol.ring import Geometry, RingWriter
from mien.protocol.wire import FrameFlag

PARTS = ("mel", "motion", "flow", "warp", "nets", "pack", "publish")
# Where the parts' functions are looked up when they are called, as "module:name" or
# "module:class.name"; several where one of them is there.
PLACES: dict[str, tuple[tuple[str, ...], ...]] = {
    "mel": (("mien.models.motion.diffusion.generator:log_mel",),),
    "flow": (
        ("mien.models.codec.rig:Rig.pose",),
        ("mien.models.codec.sheet:Sheet.laid", "mien.models.codec.sheet:Sheet.move"),
        ("mien.models.codec.decoder:FaceMesh.laid", "mien.models.codec.decoder:FaceMesh.posed"),
        ("mien.models.codec.decoder:rasterise",),
    ),
    "nets": (
        ("mien.models.codec.skin_maps:SkinMaps.at",),
        ("mien.models.codec.harmony:Harmony.gains",),
    ),
}
SPEECH_RATE_HZ = 24_000
BLOCKS, FRAMES, PUBLISHED = 60, 150, 300
WARM_UP = 5
TOGETHER = 8  # actors moved in one batch at most, as the performance thread does it


class Stopwatch:
    """Adds up where time goes, by part; time within a part within another is the inner one's."""

    def __init__(self) -> None:
        self.spent_ms: dict[str, float] = defaultdict(float)
        self._inner: list[float] = []

    def around(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, timed."""

        def timed(*given: Any, **named: Any) -> Any:
            self._inner.append(0.0)
            began = time.process_time_ns()
            try:
                return function(*given, **named)
            finally:
                taken_ms = (time.process_time_ns() - began) / 1e6
                self.spent_ms[part] += taken_ms - self._inner.pop()
                if self._inner:
                    self._inner[-1] += taken_ms

        return timed

    def take(self) -> dict[str, float]:
        """What was spent since the last time."""
        spent, self.spent_ms = dict(self.spent_ms), defaultdict(float)
        return spent


@contextlib.contextmanager
def watched(watch: Stopwatch) -> Iterator[None]:
    """Meanwhile the stopwatch is around all `PLACES`. Raises LookupError where none is there."""
    with contextlib.ExitStack() as stack:
        for part, places in PLACES.items():
            for names in places:
                owner, name = _found(names)
                original = owner.__dict__[name]
                setattr(owner, name, watch.around(part, original))
                stack.callback(setattr, owner, name, original)
        yield


def measure(character: Path, size_px: int, actors: int, motion: MotionChoice) -> dict[str, float]:
    """Median milliseconds of one actor's frame, by part: as one of `actors` moved together.

    `character` is a file. Raises what the models raise.
    """
    watch = Stopwatch()
    with one_core(), watched(watch):
        heard = _sound_ms()
        mel, moved = _motion_ms(watch, motion.make(), min(actors, TOGETHER))
        flow, warp, nets = _decode_ms(watch, Decoder(load(character)), size_px)
        pack, publish = _ring_ms(size_px)
    found = (heard + mel, moved, flow, max(warp - pack, 0.0), nets, pack, publish)
    return {part: round(ms, 4) for part, ms in zip(PARTS, found, strict=True)}


def character_bytes(character: Path, size_px: int) -> int:
    """Memory of what all actors of a character share, with what frames of a size need."""
    decoder = Decoder(load(character))
    decoder.decode(
        np.zeros(52, np.float32), np.zeros(6, np.float32), np.empty((size_px, size_px, 4), np.uint8)
    )
    return int(getattr(decoder, "shared_bytes", decoder.state_bytes))


def _found(names: tuple[str, ...]) -> tuple[Any, str]:
    for place in names:
        module, _, path = place.partition(":")
        owner: Any = importlib.import_module(module)
        *classes, name = path.split(".")
        for one in classes:
            owner = getattr(owner, one, None)
        if name in getattr(owner, "__dict__", {}):
            return owner, name
    raise LookupError(f"the bench looks for {names[0]}, which is not there any more")


def _sound_ms() -> float:
    """From a game's PCM to 16 kHz, 40 ms of it."""
    ears = StreamEars(PcmFormat(SPEECH_RATE_HZ, 1, False))
    samples = SPEECH_RATE_HZ // FRAME_RATE_HZ
    pcm = np.random.default_rng(0).integers(-9000, 9000, samples).astype("<i2").tobytes()
    return _median([_ms(lambda: ears.push(pcm)) for _ in range(FRAMES)][WARM_UP:])


def _motion_ms(watch: Stopwatch, generator: MotionGenerator, lanes: int) -> tuple[float, float]:
    """(mel, the rest), of a frame of one of `lanes` actors."""
    buckets, block = LaneBuckets(generator), generator.block_frames
    places = [buckets.take(seed) for seed in range(lanes)]
    rng, controls = np.random.default_rng(0), Controls.neutral(block)
    mel, rest = [], []
    for _ in range(BLOCKS):
        sound = rng.normal(0, 0.1, (lanes, block * HOP_SAMPLES)).astype(np.float32)
        feeds = {place: Feed(sound[i], controls) for i, place in enumerate(places)}
        watch.take()
        total_ms = _ms(partial(buckets.step, feeds))
        heard_ms = watch.take().get("mel", 0.0)
        mel.append(heard_ms)
        rest.append(total_ms - heard_ms)
    frames = block * lanes
    return _median(mel[WARM_UP:]) / frames, _median(rest[WARM_UP:]) / frames


def _decode_ms(watch: Stopwatch, decoder: Decoder, size_px: int) -> tuple[float, float, float]:
    """(flow, warp, nets) of a frame."""
    rng = np.random.default_rng(1)
    frame = np.empty((size_px, size_px, 4), np.uint8)
    found: list[tuple[float, float, float]] = []
    for i in range(FRAMES):
        swing = np.sin(0.2 * i + np.arange(6)).astype(np.float32)
        dynamics = (0.5 * rng.random(52, np.float32)).astype(np.float32)
        pose = swing * np.float32(0.12) * (np.arange(6) < 3)
        watch.take()
        total_ms = _ms(partial(decoder.decode, dynamics, pose, frame))
        spent = watch.take()
        flow_ms, nets_ms = spent.get("flow", 0.0), spent.get("nets", 0.0)
        found.append((flow_ms, total_ms - flow_ms - nets_ms, nets_ms))
    flow, warp, nets = (_median(list(column)) for column in zip(*found[WARM_UP:], strict=True))
    return flow, warp, nets


def _ring_ms(size_px: int) -> tuple[float, float]:
    """(pack: a frame into its slot, publish: the slot opened and shown)."""
    writer = RingWriter(f"/mien-parts-{os.getpid()}", Geometry(), epoch=1)
    pixels = np.full((size_px, size_px, 4), 128, np.uint8)
    pack, publish = [], []
    try:
        for pts_us in range(PUBLISHED):
            began = time.process_time_ns()
            slot = writer.begin(size_px, size_px)
            opened = time.process_time_ns()
            np.copyto(slot, pixels)
            packed = time.process_time_ns()
            writer.commit(line_id=0, pts_us=pts_us, flags=FrameFlag.IDLE)
            shown = time.process_time_ns()
            pack.append((packed - opened) / 1e6)
            publish.append((opened - began + shown - packed) / 1e6)
    finally:
        writer.close()
    return _median(pack[WARM_UP:]), _median(publish[WARM_UP:])


def _ms(call: Callable[[], object]) -> float:
    began = time.process_time_ns()
    call()
    return (time.process_time_ns() - began) / 1e6


def _median(values: list[float]) -> float:
    return float(np.median(values))
