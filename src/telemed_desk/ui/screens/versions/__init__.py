"""The versions of a note side by side: choose, or write, each section."""
