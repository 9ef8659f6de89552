"""The self-check held against calls. ``python -m benchmarks.prediction --help``; see ../README.md.

On each link of a table (:mod:`.links`) the check runs as the desk runs it; then a call that has not
seen it finds its own rung. What was predicted and what came true is a small file a link
(:mod:`.results`); the report (:mod:`.report`) is made of the files alone.
"""
