"""Built engines on disk, each under the name of all that it was built for.

Knows keys, files and damage. Refuses to know what an engine is: it keeps bytes. An engine of other
weights, another GPU, driver or library has another name and is never found; one that was cut short
or changed does not match its own sum and is thrown away.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC = b"mien engine 1\n"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class EngineKey:
    """All that a built engine depends on."""

    network: str
    weights: str  # see `weights_digest`
    graph: str  # sha256 of the network as it is handed to the builder
    gpu_name: str
    gpu_uuid: str
    compute_capability: str
    driver: str
    builder: str  # library and version
    precision: str
    buckets: tuple[int, ...]

    @property
    def digest(self) -> str:
        """Another one where anything differs."""
        told = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()

    @property
    def filename(self) -> str:
        """The file's name: what a person looks for, and what tells engines apart."""
        return f"{self.network}-{self.digest[:32]}.engine"


def weights_digest(tensors: Mapping[str, NDArray[Any]]) -> str:
    """sha256 of names, shapes, formats and values, in whatever order they come."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        total.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        total.update(array.tobytes())
    return total.hexdigest()


class EngineCache:
    """A folder of engines. Only its owner may enter it: an engine is code that a GPU runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def load(self, key: EngineKey) -> bytes | None:
        """The engine of `key`, None where there is none that is whole."""
        path = self.folder / key.filename
        try:
            kept = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as problem:
            _LOG.warning("the engine '%s' cannot be read (%s); building it anew", path, problem)
            return None
        engine = _opened(kept, key)
        if engine is None:
            _LOG.warning("the engine '%s' is damaged; building it anew", path)
            path.unlink(missing_ok=True)
        return engine

    def store(self, key: EngineKey, engine: bytes) -> None:
        """Keep an engine, whole or not at all; a disk that is full is said and survived."""
        path = self.folder / key.filename
        new = path.with_name(f".{path.name}.{os.getpid()}.new")
        about = {"key": asdict(key), "sha256": hashlib.sha256(engine).hexdigest()}
        header = json.dumps(about, sort_keys=True).encode() + b"\n"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            new.write_bytes(MAGIC + header + engine)
            new.replace(path)
        except OSError as problem:
            _LOG.warning("the engine '%s' cannot be kept (%s); it is built again", path, problem)
        finally:
            with suppress(OSError):
                new.unlink(missing_ok=True)


def _opened(kept: bytes, key: EngineKey) -> bytes | None:
    """The engine in a file's bytes; None where they are not what was stored under `key`."""
    if not kept.startswith(MAGIC):
        return None
    header, _, engine = kept[len(MAGIC) :].partition(b"\n")
    try:
        about = json.loads(header)
        mine = about["key"] == json.loads(json.dumps(asdict(key)))
        return engine if mine and about["sha256"] == hashlib.sha256(engine).hexdigest() else None
    except (ValueError, KeyError, TypeError):
        return None
