"""mmcore_hscode."""
