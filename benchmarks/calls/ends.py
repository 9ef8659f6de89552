"""The letters for the ends of a call."""

ENDS = {"o": "our engine", "a": "stock aiortc", "c": "Chromium"}
PAIRS = ("oc", "cc", "oo", "ac")
"""Offerer and answerer, in the order of importance."""
