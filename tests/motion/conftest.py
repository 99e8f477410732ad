"""Helpers shared by the motion tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_spec = importlib.util.spec_from_file_location("motion_speech", Path(__file__).parent / "speech.py")
assert _spec is not None and _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
sys.modules.setdefault("motion_speech", _module)
_spec.loader.exec_module(sys.modules["motion_speech"])
