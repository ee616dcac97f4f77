"""Rules about servers that are not given the chance to start."""
