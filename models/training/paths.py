"""Where training keeps what it can make again: corpora, features, checkpoints.

Knows one folder, `$MIEN_CACHE` or `~/.cache/mien`. Refuses to know what lies in it.
"""

from __future__ import annotations

import os
from pathlib import Path


def cache() -> Path:
    """Return the folder for everything that can be made again; it need not exist yet."""
    chosen = os.environ.get("MIEN_CACHE")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "mien"
