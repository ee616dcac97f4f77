"""Rules about the way from a client to a server, and from the server out."""
