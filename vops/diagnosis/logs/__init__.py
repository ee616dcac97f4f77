"""Reads logs: lines, tracebacks, phases of a start, and the root failure under its wrappers."""
