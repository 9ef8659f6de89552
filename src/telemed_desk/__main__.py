"""``python -m telemed_desk``."""

from telemed_desk.cli import main

raise SystemExit(main())
