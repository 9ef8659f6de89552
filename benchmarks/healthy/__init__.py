"""All green on a healthy bench, again and again. ``python -m benchmarks.healthy --help``."""
