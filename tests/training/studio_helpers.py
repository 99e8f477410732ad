"""What the studio's tests share: the head model, and whether pictures can be drawn at all."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

REAL = "MIEN_FACEKIT"


@cache
def graphics_missing() -> str:
    """Why nothing can be drawn here, or an empty string."""
    os.environ.setdefault("LP_NUM_THREADS", "1")
    try:
        from training.studio.gpu import NoGraphics, open_context
    except ImportError as error:
        return f"not installed: {error.name}"
    try:
        open_context().release()
    except NoGraphics as error:
        return str(error)
    return ""


def need_graphics() -> None:
    """Skip the test where there is no OpenGL."""
    if graphics_missing():
        pytest.skip(graphics_missing())


def real_head() -> Path:
    """The real head model's file; skips where MIEN_FACEKIT does not name it."""
    named = os.environ.get(REAL, "")
    if not named:
        pytest.skip(f"{REAL} does not name a head model")
    return Path(named)
