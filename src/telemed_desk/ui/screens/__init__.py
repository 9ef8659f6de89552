"""The screens: each a folder with a presenter (plain Python) and a view."""
