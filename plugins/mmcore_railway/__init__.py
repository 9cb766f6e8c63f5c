"""mmcore_railway."""
