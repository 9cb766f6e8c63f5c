"""mmcore_timeseries."""
