"""What all tests share."""

import os

from hypothesis import settings

# The same examples in every run, so that a red run is about the change; TELEMED_SEEDS asks for others.
settings.register_profile("same", derandomize=True)
if "TELEMED_SEEDS" not in os.environ:
    settings.load_profile("same")
