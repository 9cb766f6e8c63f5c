"""Depth from RGB: networks, files, and the command `mmcore depth`."""
