"""Rules about how well a server that is ready serves."""
