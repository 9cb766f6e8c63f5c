"""What is predicted: class, labels or a number; how far off a prediction is, and what it means."""
