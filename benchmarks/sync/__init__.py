"""Store and sync held against their goals, each beside a yardstick of the same run."""
