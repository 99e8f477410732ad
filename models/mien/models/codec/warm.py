"""Gets the codec's kernels ready: compiled once on a machine, loaded once in a process.

Run `python -m mien.models.codec.warm` after an installation; the first character then does not wait
for a compiler. Draws a grey stand-in for a portrait through every kernel.
"""

from __future__ import annotations

import cv2
import numpy as np

from mien.models.character import GEOMETRY_PREFIX, PORTRAIT_SIZE_PX, Character, Provenance
from mien.models.codec.basis import face_basis
from mien.models.codec.decoder import SIZES_PX, Decoder
from mien.models.enrolment.geometry import measure
from mien.models.enrolment.texture import complete
from mien.models.motion.types import ARKIT_INDEX, COEFFICIENTS


def stand_in() -> Character:
    """A character without a person: the mean face on flat grey."""
    size = PORTRAIT_SIZE_PX
    portrait = np.full((size, size, 3), 128, np.uint8)
    landmarks = face_basis().mean * 150.0 + np.array([size / 2, size / 2, 0.0], np.float32)
    _, png = cv2.imencode(".png", portrait[:8, :8])
    measured = measure(portrait, landmarks.astype(np.float32))
    return Character(
        name="stand-in",
        provenance=Provenance("0" * 64, size, size, "1970-01-01T00:00:00+00:00", "mien"),
        thumbnail=png.tobytes(),
        arrays={
            "portrait": portrait,
            "plate": portrait,
            "matte": np.full((size, size), 255, np.uint8),
            "landmarks": landmarks.astype(np.float32),
            **{GEOMETRY_PREFIX + key: value for key, value in measured.items()},
        },
    )


def warm() -> None:
    """Run every kernel once. Takes a second; about half a minute where nothing is compiled yet."""
    dynamics = np.zeros(COEFFICIENTS, np.float32)
    moved = ("jawOpen", "tongueOut", "browDownLeft")
    dynamics[[ARKIT_INDEX[name] for name in moved]] = 0.5
    pose = np.array([0.05, 0.1, 0.05, 0.0, 0.0, 0.0], np.float32)
    decoder = Decoder(stand_in())
    decoder.decode(dynamics, pose)
    dynamics[[ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]] = 1.0
    decoder.decode(dynamics, pose, size_px=SIZES_PX[0])  # builds a level, too
    known = np.ones((128, 128), np.uint8)
    known[56:72, 56:72] = 0  # enrolment's own kernels
    complete(np.zeros((128, 128, 3), np.float32), known, np.ones_like(known))


if __name__ == "__main__":
    warm()
