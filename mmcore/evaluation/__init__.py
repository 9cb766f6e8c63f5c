"""From logits to figures: inference over a split, metrics, the gain of fusion."""
