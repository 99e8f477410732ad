"""`python -m mien.backend.demo`: what `python dev.py demo` runs."""

import sys

from mien.backend.demo.command import main

if __name__ == "__main__":
    sys.exit(main())
