"""Which operating system this is, as values rather than ``sys.platform`` comparisons.

A type checker drops the branches of other systems when it sees ``sys.platform``; with these it
checks all of them.
"""

import sys

_name: str = sys.platform
ON_LINUX = _name.startswith("linux")
ON_WINDOWS = _name == "win32"
ON_MAC = _name == "darwin"
