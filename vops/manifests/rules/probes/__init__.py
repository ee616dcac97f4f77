"""Probes and how long a start takes."""
