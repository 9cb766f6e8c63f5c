"""The fusion plugin."""
