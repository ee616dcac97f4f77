"""Rules about nodes that are asked for and do not come."""
