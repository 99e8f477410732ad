"""Trust nobody who is fast: an executor is held against a reference before it may work, and dropped
loudly when it errs.

Knows how numbers are compared and who takes over. Refuses to know how anything is computed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.models.engine.buckets import BUCKETS
from mien.models.engine.executor import EngineError, Executor, Ports

F32 = NDArray[np.float32]
Probe = Callable[[int], Mapping[str, F32]]
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tolerance:
    """How far numbers may be off, at the worst: absolutely, and as a share of the largest wanted.

    Half formats round products: what is small beside what it was summed from cannot be near by its
    own measure, so the share is the whole output's.
    """

    absolute: float = 1e-4
    share: float = 0.02

    def allowed(self, wanted: F32) -> float:
        """The most that anything in an output may be off."""
        return self.absolute + self.share * float(np.abs(wanted).max(initial=0.0))


def random_probe(ports: Ports, seed: int = 0) -> Probe:
    """Inputs drawn by lot: normal, the same ones for the same bucket."""

    def draw(bucket: int) -> Mapping[str, F32]:
        rng = np.random.default_rng([seed, bucket])
        return {
            port.name: rng.standard_normal(port.full(bucket)).astype(np.float32)
            for port in ports.inputs
        }

    return draw


def disagreement(found: Mapping[str, F32], wanted: Mapping[str, F32], by: Tolerance) -> str:
    """Why two sets of outputs are not the same; empty where they are."""
    if set(found) != set(wanted):
        return f"it gives {sorted(found)}, not {sorted(wanted)}"
    for name, right in wanted.items():
        here = found[name]
        if here.shape != right.shape:
            return f"'{name}' is {list(here.shape)}, not {list(right.shape)}"
        if not np.isfinite(here).all():
            return f"'{name}' is not finite"
        off, most = float(np.abs(here - right).max(initial=0.0)), by.allowed(right)
        if off > most:
            return f"'{name}' is off by {off:.3g}, more than {most:.3g}"
    return ""


def check(
    fast: Executor,
    reference: Executor,
    by: Tolerance,
    probe: Probe,
    buckets: Sequence[int] = BUCKETS,
) -> None:
    """Raise EngineError unless `fast` gives what `reference` gives, at every bucket."""
    for bucket in buckets:
        inputs = probe(bucket)
        answers = [
            {name: one.host(value).copy() for name, value in one.run(bucket, inputs).items()}
            for one in (fast, reference)
        ]
        why = disagreement(answers[0], answers[1], by)
        if why:
            raise EngineError(f"at {bucket} lanes {why}")


class Guarded:
    """An executor that works while it can be trusted, and its reference from then on.

    `reason` says why the reference works; empty while it does not have to.
    """

    def __init__(
        self,
        make: Callable[[], Executor],
        reference: Executor,
        what: str,
        *,
        by: Tolerance | None = None,
        probe: Probe | None = None,
        buckets: Sequence[int] = BUCKETS,
    ) -> None:
        """`make` builds the fast executor `what`, which may fail in any way it likes."""
        self.ports, self.reason = reference.ports, ""
        self._what, self._reference = what, reference
        self._fast: Executor | None = None
        try:
            fast = make()
            asked = probe or random_probe(reference.ports)
            check(fast, reference, by or Tolerance(), asked, buckets)
            self._fast = fast
        except Exception as problem:  # whatever a driver or a compiler raises
            self._give_up(problem)

    @property
    def name(self) -> str:
        """Who computes at present."""
        return (self._fast or self._reference).name

    def run(self, bucket: int, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """See `Executor.run`; where the fast one fails, the reference answers, now and later."""
        if self._fast is not None:
            try:
                return self._fast.run(bucket, inputs)
            except Exception as problem:
                self._give_up(problem)
        return self._reference.run(bucket, inputs)

    def host(self, value: Any) -> F32:
        """See `Executor.host`."""
        return (self._fast or self._reference).host(value)

    def _give_up(self, problem: Exception) -> None:
        self._fast = None
        self.reason = f"{type(problem).__name__}: {problem}"
        _LOG.error(
            "%s does not run the network '%s' (%s); %s runs it instead, more slowly",
            self._what, self.ports.network, self.reason, self._reference.name,
        )  # fmt: skip
