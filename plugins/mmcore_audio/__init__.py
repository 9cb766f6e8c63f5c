"""mmcore_audio."""
