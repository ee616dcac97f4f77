"""What is said when no rule recognises a failure."""
