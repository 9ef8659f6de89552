"""A colleague's call, joined by a link."""
