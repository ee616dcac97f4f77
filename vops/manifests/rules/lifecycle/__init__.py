"""How a server stops."""
