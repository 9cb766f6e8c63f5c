"""mmcore_ai4brain."""
