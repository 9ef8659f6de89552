"""``python -m benchmarks.prediction``."""

import sys

from benchmarks.prediction.command import main

if __name__ == "__main__":
    sys.exit(main())
