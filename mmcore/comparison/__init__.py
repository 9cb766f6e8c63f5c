"""From a grid to a table: many runs that share what they can, side by side."""
