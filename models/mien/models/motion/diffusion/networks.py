"""The motion generator's networks as any engine profile runs them, and the runtime over them.

Knows their ports: hearing, what the steps of a block share, and one denoising step. Refuses to know
who computes. torch is imported when its form of a network is made.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from mien.models.engine.buckets import bucket_for, padded
from mien.models.engine.cache import weights_digest
from mien.models.engine.executor import Executor, Port, Ports, run_lanes
from mien.models.engine.network import Network
from mien.models.motion.diffusion.numpy_runtime import steering
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
    memory = (shape.memory_slices, shape.width)
    ports = Ports(
        f"hearing{slices}",
        (Port("slices", (slices, SLICE)), Port("memory", memory)),
        (Port("features", (slices, shape.features)), Port("after", memory)),
    )

    def module() -> Any:
        from mien.models.motion.diffusion.step_modules import Hearing

        return Hearing(model)

    def graph() -> Any:
        from mien.models.motion.diffusion.graph import encoder_graph

        return encoder_graph(model, slices)

    return Network(ports, weights_digest(model.part("encoder")), module, graph)


def _shared(model: MotionModel, variants: int) -> tuple[Port, ...]:
    """What `given` gives and `step` takes."""
    shape = model.about.transformer
    past = (shape.heads, shape.history_frames, shape.width // shape.heads)
    return (
        Port("given", (variants, shape.block_frames, shape.width)),
        Port("carried", (1, TOKEN)),
        *(Port(f"seen{i}", past) for i in range(2 * shape.layers)),
    )


def given(model: MotionModel, variants: int) -> Network:
    """What all steps of a block share, for so many variants of the conditions."""
    shape = model.about.transformer
    ports = Ports(
        f"given{variants}",
        (
            Port("history", (shape.history_frames + 2, TOKEN)),
            Port("heard", (variants, shape.heard_slices, shape.features + LEVELS)),
            Port("wishes", (variants, shape.block_frames, CONDITIONS)),
        ),
        _shared(model, variants),
    )

    def module() -> Any:
        from mien.models.motion.diffusion.step_modules import Given

        return Given(model, variants)

    def graph() -> Any:
        from mien.models.motion.diffusion.graph import given_graph

        return given_graph(model, variants)

    return Network(ports, weights_digest(model.part("transformer")), module, graph)


def step(model: MotionModel, variants: int) -> Network:
    """One denoising step of a block."""
    shape = model.about.transformer
    tokens = (shape.block_frames, TOKEN)
    common = [
        Port("steer", (shape.layers, 6, shape.width), lanes=False),
        Port("left", (1,), lanes=False),
        Port("mix", (variants,), lanes=False),
    ]
    if model.about.objective == "flow":
        common.append(Port("now", (1,), lanes=False))
    inputs = (Port("noisy", tokens), *_shared(model, variants), *common)

    def module() -> Any:
        from mien.models.motion.diffusion.step_modules import Step

        return Step(model, variants)

    def graph() -> Any:
        from mien.models.motion.diffusion.graph import step_graph

        return step_graph(model, variants)

    ports = Ports(f"step{variants}", inputs, (Port("moved", tokens),))
    return Network(ports, weights_digest(model.part("transformer")), module, graph)


class ExecutedRuntime:
    """A `MotionRuntime` over any executors. For one thread at a time."""

    def __init__(self, model: MotionModel, make: Make, name: str) -> None:
        """`make` finds the executor of a network: `make_executor` under some profile, `name`."""
        self.model, self.name, self._make = model, name, make
        self._ears: dict[int, Executor] = {}  # by slices
        self._movers: dict[int, tuple[Executor, Executor]] = {}  # by variants
        self._steers: dict[float, F32] = {}  # by noise level

    def encode(self, slices: F32, memory: F32) -> tuple[F32, F32]:
        """See `MotionRuntime.encode`."""
        count = slices.shape[1]
        if count not in self._ears:
            self._ears[count] = self._make(hearing(self.model, count))
        found = run_lanes(self._ears[count], {"slices": slices, "memory": memory})
        return found["features"], found["after"]

    def sample(self, block: BlockInput, times: Times) -> F32:
        """See `MotionRuntime.sample`; at most as many lanes as the largest bucket has."""
        lanes, count = block.heard.shape[:2]
        if count not in self._movers:
            made = self._make(given(self.model, count)), self._make(step(self.model, count))
            self._movers[count] = made
        sharing, stepping = self._movers[count]
        bucket = bucket_for(lanes)
        inputs = {"history": block.history, "heard": block.heard, "wishes": block.wishes}
        shared = sharing.run(bucket, {name: padded(a, bucket) for name, a in inputs.items()})
        x, lips = block.noise, Lips(block.noise)
        for now, then in pairwise(times):
            own = {"noisy": padded(x, bucket), "steer": self._steering(now), "mix": block.mix}
            own["left"] = np.array([then / now], np.float32)
            if self.model.about.objective == "flow":
                own["now"] = np.array([now], np.float32)
            moved = stepping.run(bucket, {**own, **shared})["moved"]
            x = lips.held(stepping.host(moved)[:lanes].copy(), then)
        return x

    def _steering(self, time: float) -> F32:
        if time not in self._steers:
            if len(self._steers) >= MOST_LEVELS:
                self._steers.clear()
            self._steers[time] = steering(self.model, time)
        return self._steers[time]
