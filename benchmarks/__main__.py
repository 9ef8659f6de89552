"""All benchmarks, short: ``make bench``. Each also runs alone, with more choice; see README.md here."""

import sys

from benchmarks import calls, ipc, store, visit

if __name__ == "__main__":
    sys.exit(store.main([]) or ipc.main([]) or visit.main([]) or calls.main([]))
