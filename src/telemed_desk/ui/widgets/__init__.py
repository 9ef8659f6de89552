"""Parts that screens are made of; each knows only the theme."""
