"""Rules about what observes the servers."""
