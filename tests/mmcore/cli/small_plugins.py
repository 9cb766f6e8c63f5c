"""Plugins as they stand in a catalogue, for the commands that list and describe them."""

import mmcore
from mmcore.plugins import PluginRecord


def record(name, *declarations, **more):
    """A plugin that brings these."""
    return PluginRecord(name, f"mmcore_{name}", f"mmcore-{name}", "3.1", declarations=list(declarations), **more)


def encoder(**more):
    """An encoder of texts, named trial."""
    return mmcore.Encoder(**{"name": "trial", "kind": "text", "summary": "A trial.", "build": print} | more)
