"""Pictures that every test of enrolment can share: one real photograph, and what is made of it."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

U8 = NDArray[np.uint8]


@pytest.fixture(scope="session")
def photograph() -> U8:
    """A real photograph of one person, 512 px; 61 px between the eyes' outer corners."""
    data = pytest.importorskip("skimage.data", reason="scikit-image ships the photograph")
    return np.asarray(data.astronaut())


@pytest.fixture(scope="session")
def portrait_picture(photograph: U8) -> U8:
    """Head and shoulders of the same person, large enough to enrol: 134 px, 660 px square."""
    crop = Image.fromarray(photograph[:300, 80:380])
    return np.array(crop.resize((660, 660), Image.Resampling.LANCZOS))


@pytest.fixture(scope="session")
def png() -> Callable[[U8], bytes]:
    """Encode pixels as a PNG file."""

    def encode(pixels: U8) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()

    return encode
