"""A scene for a GPU machine on which nothing but torch is installed: all that drawing needs of it.

Where OpenCV and numba are (`write`), a character is taken into a `BatchDecoder` and posed a few
times; what then lies on the device and what is copied there for each pose goes into a safetensors
file. Where they are not (`Replay`), the same batches are drawn from that file: the copy, networks,
flows, frames and slots are the decoder's own code, only the posing is not done again. Knows the
decoder's insides, therefore. Refuses to measure. Written where no GPU is: `Replay` ran on the CPU,
through Triton's interpreter, and never on CUDA.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

POSES = 8
STATIC = ("triangles", "source", "places", "nodes", "share", "sheet_triangles")
SENT = ("cells", "numbers", "points", "rigid", "folded", "motion", "told")


class _Plain:
    """Stands for anything of a compiler: as a decorator, and as what makes one, it does nothing."""

    def __getattr__(self, name: str) -> _Plain:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *given: Any, **options: Any) -> Any:
        return given[0] if len(given) == 1 and callable(given[0]) and not options else self


class _Absent(ModuleType):
    """Stands for a library that modules import, and that nothing on this road calls."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self.__name__ != "cv2":
            return _Plain()
        if name.isupper():
            return 0  # a constant, as a default somewhere
        raise RuntimeError(f"cv2.{name} is needed here, and OpenCV is not installed")


def stand_in() -> list[str]:
    """Puts stand-ins where OpenCV, numba and llvmlite are missing; returns for which."""
    missing = []
    for name, parts in (("cv2", ()), ("numba", ("extending", "core")), ("llvmlite", ("ir",))):
        if find_spec(name) is None:
            missing.append(name)
            for whole in (name, *(f"{name}.{part}" for part in parts)):
                sys.modules[whole] = _Absent(whole)
    return missing


def moments() -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """The expressions [52] and poses [6] of a scene, in turn."""
    rng, turns = np.random.default_rng(2), np.arange(6) < 3
    return [
        (
            (0.4 * rng.random(52)).astype(np.float32),
            (0.1 * np.sin(0.8 * k + np.arange(6)) * turns).astype(np.float32),
        )
        for k in range(POSES)
    ]


def write(character: Path, to: Path) -> None:
    """A scene of a character file. Needs the whole mien."""
    import torch
    from safetensors.numpy import save_file

    from mien.models.character import load
    from mien.models.codec import canonical, folds

    decoder = new_decoder("cpu")
    handle = decoder.add(load(character))
    batch = decoder._batch((handle,))
    member = batch.members[0]
    sent: dict[str, list[NDArray[Any]]] = {name: [] for name in (*SENT, "addresses")}
    for face, pose in moments():
        host = batch.upload.begin()
        decoder._pose(member, face, pose, {name: array[0] for name, array in host.items()})
        for name, rows in sent.items():
            rows.append(np.array(host[name][0]))
    pictures = [*member.pixels._kept, *decoder._sprites._pixels._kept]
    place = {tensor.data_ptr(): i for i, tensor in enumerate(pictures)}
    found = {f"picture.{i}": tensor.numpy() for i, tensor in enumerate(pictures)}
    found |= {f"sent.{name}": np.stack(rows) for name, rows in sent.items() if name in SENT}
    addressed = np.stack(sent["addresses"])
    found["pictures"] = np.vectorize(lambda at: place.get(int(at), -1))(addressed)
    found |= {f"member.{name}": np.ascontiguousarray(getattr(member, name)) for name in STATIC}
    found["features"] = member.features.to(torch.float32).numpy()
    found["code"] = member.code.numpy()
    found["numbers"] = np.array([member.always, member.folds.depth, member.rig.scale], np.float64)
    found["inner"] = canonical.inner()
    found["fold_pixels"], found["fold_maps"] = folds.fold_layout()
    save_file({name: np.ascontiguousarray(array) for name, array in found.items()}, to)


def new_decoder(device: str) -> Any:
    """A `BatchDecoder` with the weights that ship."""
    from mien.models.codec import harmony
    from mien.models.codec.gpu.batch_decoder import BatchDecoder, Parts
    from mien.models.codec.skin_weights import shipped_model

    return BatchDecoder(Parts(shipped_model(wide=True), harmony.shipped_model()), device)


class Replay:
    """A scene drawn again, for any number of actors up to 64 in a batch."""

    def __init__(self, scene: Path, device: str) -> None:
        """Raises OSError, and what the decoder raises."""
        import torch
        from safetensors.numpy import load_file

        self._scene = load_file(scene)
        self._remember()
        self.decoder = new_decoder(device)
        self._device = torch.device(device)
        self._pictures = [
            torch.from_numpy(self._scene[f"picture.{i}"]).to(self._device)
            for i in range(sum(name.startswith("picture.") for name in self._scene))
        ]
        at = np.array([tensor.data_ptr() for tensor in self._pictures] + [0], np.int64)
        self._addresses = at[self._scene["pictures"]]
        always, depth, scale = self._scene["numbers"]
        member = SimpleNamespace(
            **{name: self._scene[f"member.{name}"] for name in STATIC},
            always=int(always),
            folds=SimpleNamespace(depth=depth),
            rig=SimpleNamespace(scale=scale),
            features=torch.from_numpy(self._scene["features"]).to(
                self._device, self.decoder._dtype
            ),
            code=torch.from_numpy(self._scene["code"]).to(self._device),
        )
        self.decoder._cast[0] = member
        self._turn = 0

    def _remember(self) -> None:
        """What OpenCV made of weights and layouts, where it is not there to make it again."""
        from mien.models.codec import canonical, folds

        layout = self._scene["fold_pixels"], self._scene["fold_maps"]
        vars(canonical)["inner"] = lambda: self._scene["inner"]
        vars(folds)["fold_layout"] = lambda: layout

    def draw(self, outs: list[Any]) -> None:
        """One frame for as many actors as there are `outs`: slots [n, n, 4] uint8 on the device."""
        import torch

        from mien.models.codec.gpu.pack import slot_of

        count = len(outs)
        slots = [slot_of(out, self._device) for out in outs]
        with self.decoder._on_stream(), torch.no_grad():
            batch = self.decoder._batch((0,) * count)
            host = batch.upload.begin()
            host["slots"][:] = [slot[:2] for slot in slots]
            for i in range(count):
                k = (self._turn + i) % POSES
                host["addresses"][i] = self._addresses[k]
                for name in SENT:
                    host[name][i] = self._scene[f"sent.{name}"][k]
            self._turn += 1
            self.decoder._draw(batch, batch.upload.send(), slots[0][2])
