"""The tabular plugin."""
