"""The table plugin."""
