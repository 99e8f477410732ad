"""`python -m mien.backend.demo`: what `python dev.py demo` runs."""

import sys

from mien.backend.cli import one_thread_each

if __name__ == "__main__":
    one_thread_each()
    from mien.backend.demo.command import main

    sys.exit(main())
