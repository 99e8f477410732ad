"""Helpers shared by the motion tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

for _name, _file in (("motion_speech", "speech.py"), ("motion_random", "random_weights.py")):
    _spec = importlib.util.spec_from_file_location(_name, Path(__file__).parent / _file)
    assert _spec is not None and _spec.loader is not None
    _module = importlib.util.module_from_spec(_spec)
    sys.modules.setdefault(_name, _module)
    _spec.loader.exec_module(sys.modules[_name])
