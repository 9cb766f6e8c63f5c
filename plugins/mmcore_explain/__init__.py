"""The explain plugin."""
