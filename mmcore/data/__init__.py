"""Rows to batches: the contracts of kinds and data sources, reading, splits, loading."""
