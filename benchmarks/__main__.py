"""All benchmarks, short: ``make bench``. Each also runs alone, with more choice; see README.md here."""

import sys

from benchmarks import ipc, store, visit
from benchmarks.calls import command as calls

SHORT_CALLS = ["--conditions", "bad,rural,clean", "--pairs", "oc,cc,ac", "--films", "720"]

if __name__ == "__main__":
    sys.exit(
        store.main([])
        or ipc.main([])
        or visit.main([])
        or calls.main([*SHORT_CALLS, "--rounds", "1", "--run", "short"])
    )
