"""mmcore_digits."""
