"""Looks at a cluster: once, or for as long as somebody watches, within a budget of requests."""
