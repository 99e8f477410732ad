"""A daemon in the foreground: `serve_tiny.py '{"run_dir": ...}' [largest file in bytes]`."""

import json
import logging
import sys
from pathlib import Path

from mien.backend.config import DaemonConfig, PlanConfig
from mien.backend.daemon import Daemon
from mien.backend.motion import MotionChoice
from mien.protocol.errors import MienError

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    if len(sys.argv) > 2:
        import resource

        size = int(sys.argv[2])
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    options = json.loads(sys.argv[1])
    options["run_dir"] = Path(options["run_dir"])
    options["motion"] = MotionChoice(**options.get("motion", {}))
    options["plan"] = PlanConfig(**options.get("plan", {}))
    try:
        Daemon(DaemonConfig(**options)).run()
    except MienError as error:
        sys.exit(error.message)
