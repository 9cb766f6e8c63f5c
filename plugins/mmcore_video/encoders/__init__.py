"""Networks that read clips."""
