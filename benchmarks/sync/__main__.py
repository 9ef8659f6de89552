"""``python -m benchmarks.sync``: see :mod:`benchmarks.sync.command`."""

import sys

from benchmarks.sync.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
