"""The conformance kit: plain checks for anyone's plugin."""
