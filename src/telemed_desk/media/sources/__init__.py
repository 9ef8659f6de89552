"""Cameras, microphones and speakers as :mod:`telemed_desk.media.ports` sees them, and stand-ins.

A source never ends: when its device fails it says why, has no picture (or silence), and tries again
until it is closed.
"""
