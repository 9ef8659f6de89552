"""``python -m benchmarks.calls``."""

import sys

from benchmarks.calls.command import main

if __name__ == "__main__":
    sys.exit(main())
