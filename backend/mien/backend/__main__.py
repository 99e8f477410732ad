"""`python -m mien.backend`: the command line, where the `mien` script is not on the path."""

import sys

from mien.backend.cli import main

if __name__ == "__main__":
    sys.exit(main())
