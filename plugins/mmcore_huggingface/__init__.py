"""mmcore_huggingface."""
