"""From an experiment to a run, and a fitted model: the only place that joins everything."""
