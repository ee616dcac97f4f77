"""How servers and pods end: by an error, a signal, or somebody's wish."""
