"""How well a server does that serves: what scrapes and its own log say of its load, and whether it is slow."""
