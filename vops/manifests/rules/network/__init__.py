"""Services and ports."""
