"""From batches to trained weights: the training options and the loop on transformers.Trainer."""
