"""From the mean of what lips may do to what they do: wider, and shut where they nearly meet.

Knows coefficients and the face basis. Refuses to know networks. The network's lips are a mean over
all that could be said (`sampler.Lips`): they move too little, and a closure that comes a frame
sooner or later is half a closure. Speech does not half close.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from mien.models.codec.basis import face_basis
from mien.models.codec.topology import LOWER_LIP_CENTRE, UPPER_LIP_CENTRE
from mien.models.motion.types import ARKIT_INDEX, F32

SPEAKING = [
    i
    for name, i in ARKIT_INDEX.items()
    if name.startswith(("jaw", "mouth")) and not name.startswith(("mouthSmile", "mouthFrown"))
]
OPENERS = [
    i for name, i in ARKIT_INDEX.items()
    if name.startswith(("mouthLowerDown", "mouthUpperUp", "mouthFunnel", "mouthShrugUpper"))
]  # fmt: skip
JAW, CLOSE = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthClose"]
FIRMEST_SHARE = 0.2  # of the firmness: lips nearer than this are shut altogether


@cache
def _parting() -> F32:
    """How far each coefficient parts the middle of the lips, [52] iod."""
    basis = face_basis().dynamics
    return np.asarray(basis[:, LOWER_LIP_CENTRE, 1] - basis[:, UPPER_LIP_CENTRE, 1], np.float32)


def said(dynamics: F32, articulation: float, firmness: float) -> F32:
    """Return `dynamics` [..., 52] as lips show it, within 0..1.

    What speaks moves `articulation` times as far. Lips less than `firmness` iod apart are drawn
    together, by mouthClose against the jaw: teeth may stay apart behind shut lips. 0: never.
    """
    out = dynamics.copy()
    out[..., SPEAKING] = np.minimum(articulation * out[..., SPEAKING], 1.0)
    if firmness > 0.0:
        apart = np.maximum(out @ _parting(), 0.0)
        x = np.clip((apart / firmness - FIRMEST_SHARE) / (1.0 - FIRMEST_SHARE), 0.0, 1.0)
        shut = 1.0 - x * x * (3.0 - 2.0 * x)
        out[..., OPENERS] *= (1.0 - shut)[..., None]
        out[..., CLOSE] += shut * np.maximum(out[..., JAW] - out[..., CLOSE], 0.0)
    return out
