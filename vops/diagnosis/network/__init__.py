"""The way from a client to a server."""
