"""The window round the screens: rail, top bar, status line."""
