"""Opus and VP8 through ctypes, from the very libraries that the av wheel ships."""
