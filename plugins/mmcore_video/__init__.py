"""mmcore_video."""
