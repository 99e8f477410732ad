"""The real daemon with models small enough to see through (tests/backend/tiny_models.py)."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "backend"))

from mien.backend.config import DaemonConfig
from mien.backend.daemon import Daemon

logging.basicConfig(level=logging.WARNING)
config = DaemonConfig(
    run_dir=Path(sys.argv[1]),
    models="tiny_models:TinyModels",
    frame_px=64,
    lease_ms=1500,
    line_window_bytes=256 * 1024,
)
Daemon(config).run()
