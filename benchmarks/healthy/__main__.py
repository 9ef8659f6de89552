"""``python -m benchmarks.healthy``."""

import sys

from benchmarks.healthy.command import main

if __name__ == "__main__":
    sys.exit(main())
