"""Why: games, explanations, and what they share."""
