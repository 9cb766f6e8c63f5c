"""The openmoji plugin."""
