"""Helpers shared by the training tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path


def _share(name: str) -> None:
    """Let tests import the helper module `name` from this folder."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(name, module)
    spec.loader.exec_module(sys.modules[name])


_share("teacher_scenes")
_share("evaluation_helpers")
_share("tiny_head")
_share("studio_helpers")
