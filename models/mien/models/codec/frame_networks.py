"""The codec's networks as any engine profile runs them: their ports, and each form of them.

Refuses to know who computes. torch is imported when its form of a network is made. What a frame
mixes has no OpenVINO form: on the CPU that is one matrix product, which NumPy does as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.models.codec.canonical import CANONICAL_PX
from mien.models.codec.harmony import COLUMNS, ROWS, TOLD, HarmonyModel
from mien.models.codec.skin_shape import MOTION, OUT, SEEN, within_face
from mien.models.codec.skin_weights import SkinModel
from mien.models.engine.cache import weights_digest
from mien.models.engine.executor import Port, Ports
from mien.models.engine.network import Network

F32 = NDArray[np.float32]


def _sizes(model: SkinModel) -> tuple[int, int]:
    """Feature maps, and pixels inside the face."""
    return model.shape.features, int((within_face(model.shape.map_px) != 0).sum())


def skin_reader(model: SkinModel) -> Network:
    """Once a character: skins [L, 4, 128, 128] to features [L, F, n] and code [L, CODE]."""
    count, pixels = _sizes(model)
    ports = Ports(
        "skin_reader",
        (Port("skin", (SEEN, CANONICAL_PX, CANONICAL_PX)),),
        (Port("features", (count, pixels)), Port("code", (model.shape.code,))),
    )

    def module() -> Any:
        from mien.models.codec.frame_modules import SkinReader

        return SkinReader(model)

    return Network(ports, weights_digest(model.tensors), module)


def skin_mixer(model: SkinModel) -> Network:
    """Every frame: features, code and motions [L, MOTION] to maps [L, map_px, map_px, 5]."""
    count, pixels = _sizes(model)
    size = model.shape.map_px
    ports = Ports(
        "skin_mixer",
        (
            Port("features", (count, pixels), kept=True),
            Port("code", (model.shape.code,), kept=True),
            Port("motion", (MOTION,)),
        ),
        (Port("maps", (size, size, OUT)),),
    )

    def module() -> Any:
        from mien.models.codec.frame_modules import SkinMixer

        return SkinMixer(model)

    def probe(bucket: int) -> Mapping[str, F32]:
        """Skins as lively as real ones; the last of several is at rest."""
        rng = np.random.default_rng([7, bucket])
        motion = rng.random((bucket, MOTION), np.float32) ** 2
        motion[bucket // 2 :: 2] *= bucket == 1
        return {
            "features": 0.3 * rng.standard_normal((bucket, count, pixels), np.float32),
            "code": np.tanh(rng.standard_normal((bucket, model.shape.code), np.float32)),
            "motion": motion,
        }

    return Network(ports, weights_digest(model.tensors), module, probe=probe)


def mouth_light(model: HarmonyModel) -> Network:
    """Every frame: what is told of mouths [L, TOLD] to gains [L, ROWS, COLUMNS, 4]."""
    ports = Ports("mouth_light", (Port("told", (TOLD,)),), (Port("gains", (ROWS, COLUMNS, 4)),))

    def module() -> Any:
        from mien.models.codec.frame_modules import MouthLight

        return MouthLight(model)

    return Network(ports, weights_digest(model.tensors), module)
