"""All benchmarks, short: ``make bench``. Each also runs alone, with more choice; see README.md here."""

import sys

from benchmarks import calls, ipc

if __name__ == "__main__":
    sys.exit(ipc.main([]) or calls.main([]))
