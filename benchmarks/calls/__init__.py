"""Calls side by side over emulated links. ``python -m benchmarks.calls --help``; see ../README.md.

A *cell* is a link, a pair of ends and a size of film; a *round* is one call of every cell. Each call's
figures are a small file (:mod:`.one_call`); tables are made of the files alone (:mod:`.tables`,
:mod:`.verdicts`), so that a run can be stopped, continued, done in parts, and read again later.
"""
