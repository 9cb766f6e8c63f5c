"""The page about a run: one self-contained HTML file, made of what the run folder holds."""
