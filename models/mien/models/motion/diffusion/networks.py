"""The motion generator's networks as any engine profile runs them, and the runtime over them.

Knows their ports: hearing, remembering, what the steps of a block share, and one denoising step.
Refuses to know who computes. torch is imported when its form of a network is made.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np

from mien.models.engine.buckets import BUCKETS, bucket_for, padded
from mien.models.engine.cache import weights_digest
from mien.models.engine.executor import Executor, Port, Ports, run_lanes
from mien.models.engine.network import Network
from mien.models.motion.diffusion.numpy_runtime import steering
from mien.models.motion.diffusion.rings import Picked, kept_counts, tap_counts
from mien.models.motion.diffusion.runtime import BlockInput
from mien.models.motion.diffusion.sampler import Lips, Times
from mien.models.motion.diffusion.shapes import CONDITIONS, LEVELS, SLICE
from mien.models.motion.diffusion.tokens import TOKEN
from mien.models.motion.diffusion.weights import MotionModel
from mien.models.motion.types import F32

MOST_LEVELS = 256  # noise levels whose steering is kept
Make = Callable[[Network], Executor]


def hearing(model: MotionModel, slices: int) -> Network:
    """The network that hears `slices` at a time."""
    shape = model.about.encoder
    taps = sum(n for both in tap_counts(shape, slices) for n in both)
    kept = sum(kept_counts(shape, slices))
    ports = Ports(
        f"hearing{slices}",
        (Port("slices", (slices, SLICE)), Port("recalled", (taps, shape.width), axis=1)),
        (Port("features", (slices, shape.features)), Port("after", (kept, shape.width), axis=1)),
    )
    return _network(
        ports, model, "encoder", lambda m: m.Hearing(model, slices),
        lambda g: g.encoder_graph(model, slices),
    )  # fmt: skip


def remembering(model: MotionModel, frames: int) -> Network:
    """What every layer will see of the newest `frames`."""
    parts, heads, _, size = model.about.transformer.seen_of_a_lane
    ports = Ports(
        f"remembering{frames}",
        (Port("history", (frames + 2, TOKEN)),),
        (Port("seen", (frames, parts, heads, size)),),
    )
    return _network(
        ports, model, "transformer", lambda m: m.Remembering(model),
        lambda g: g.memory_graph(model, frames),
    )  # fmt: skip


def _shared(model: MotionModel, variants: int) -> tuple[Port, ...]:
    """What `given` gives and `step` takes."""
    shape = model.about.transformer
    whole = (variants, shape.block_frames, shape.width)
    return Port("given", whole), Port("carried", (1, TOKEN))


def given(model: MotionModel, variants: int) -> Network:
    """What all steps of a block share, for so many variants of the conditions."""
    shape = model.about.transformer
    ports = Ports(
        f"given{variants}",
        (
            Port("newest", (2, TOKEN)),
            Port("heard", (variants, shape.heard_slices, shape.features + LEVELS)),
            Port("wishes", (variants, shape.block_frames, CONDITIONS)),
        ),
        _shared(model, variants),
    )
    return _network(
        ports, model, "transformer", lambda m: m.Given(model),
        lambda g: g.given_graph(model, variants),
    )  # fmt: skip


def step(model: MotionModel, variants: int) -> Network:
    """One denoising step of a block."""
    shape = model.about.transformer
    tokens, rows = (shape.block_frames, TOKEN), variants * shape.block_frames
    parts, *past = shape.seen_of_a_lane
    inputs = [
        Port("noisy", tokens),
        *_shared(model, variants),
        *(Port(f"seen{i}", tuple(past)) for i in range(parts)),
        Port("reach", (shape.heads, rows, shape.history_frames + rows)),
        Port("steer", (shape.layers, 6, shape.width), lanes=False),
        Port("left", (1,), lanes=False),
        Port("mix", (variants,), lanes=False),
    ]
    if model.about.objective == "flow":
        inputs.append(Port("now", (1,), lanes=False))
    ports = Ports(f"step{variants}", tuple(inputs), (Port("moved", tokens),))
    return _network(
        ports, model, "transformer", lambda m: m.Step(model, variants),
        lambda g: g.step_graph(model, variants),
    )  # fmt: skip


def _network(
    ports: Ports, model: MotionModel, part: str, module: Callable[[Any], Any],
    graph: Callable[[Any], Any],
) -> Network:  # fmt: skip
    """A network whose forms are made of `step_modules` and of `graph`, imported then."""
    return Network(
        ports, weights_digest(model.part(part)),
        lambda: module(import_module("mien.models.motion.diffusion.step_modules")),
        lambda: graph(import_module("mien.models.motion.diffusion.graph")),
    )  # fmt: skip


class ExecutedRuntime:
    """A `MotionRuntime` over any executors. For one thread at a time."""

    def __init__(self, model: MotionModel, make: Make, name: str) -> None:
        """`make` finds the executor of a network: `make_executor` under some profile, `name`."""
        self.model, self.name, self._make = model, name, make
        self._executors: dict[tuple[str, int], Executor] = {}  # by cut, and slices or variants
        self._steers: dict[float, F32] = {}  # by noise level

    def batches(self, most: int) -> list[int]:
        """See `MotionRuntime.batches`: the buckets."""
        return [bucket for bucket in BUCKETS if bucket < 2 * most]

    def encode(self, slices: F32, recalled: Picked) -> tuple[F32, F32]:
        """See `MotionRuntime.encode`."""
        ears = self._executor("hearing", slices.shape[1])
        found = run_lanes(ears, {"slices": slices, "recalled": recalled.array()})
        return found["features"], found["after"]

    def remember(self, history: F32) -> F32:
        """See `MotionRuntime.remember`."""
        memory = self._executor("remembering", history.shape[1] - 2)
        return run_lanes(memory, {"history": history})["seen"]

    def sample(self, block: BlockInput, times: Times) -> F32:
        """See `MotionRuntime.sample`; at most as many lanes as the largest bucket has."""
        lanes, count = block.heard.shape[:2]
        sharing, stepping = self._executor("given", count), self._executor("step", count)
        bucket = bucket_for(lanes)

        def fitted(**arrays: F32) -> dict[str, Any]:
            return {name: padded(array, bucket) for name, array in arrays.items()}

        whole = fitted(newest=block.newest, heard=block.heard, wishes=block.wishes)
        shared = sharing.run(bucket, whole)
        shared |= fitted(**{f"seen{i}": part for i, part in enumerate(block.seen.array())})
        shared |= fitted(reach=block.reach)
        x, lips = block.noise, Lips(block.noise)
        for now, then in pairwise(times):
            own = fitted(noisy=x) | {"steer": self._steering(now), "mix": block.mix}
            own["left"] = np.array([then / now], np.float32)
            if self.model.about.objective == "flow":
                own["now"] = np.array([now], np.float32)
            moved = stepping.run(bucket, {**own, **shared})["moved"]
            x = lips.held(stepping.host(moved)[:lanes].copy(), then)
        return x

    def _executor(self, name: str, size: int) -> Executor:
        if (name, size) not in self._executors:
            self._executors[name, size] = self._make(_CUTS[name](self.model, size))
        return self._executors[name, size]

    def _steering(self, time: float) -> F32:
        if time not in self._steers:
            if len(self._steers) >= MOST_LEVELS:
                self._steers.clear()
            self._steers[time] = steering(self.model, time)
        return self._steers[time]


_CUTS = {"hearing": hearing, "remembering": remembering, "given": given, "step": step}
