"""Rules about GPUs that fail, and about what watches them."""
