"""Colours, sizes, type and icons: the only place where a colour or a pixel size is written."""
