"""``python -m telemed_server``."""

import sys

from telemed_server.cli import main

sys.exit(main())
