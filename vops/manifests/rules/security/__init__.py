"""Secrets and privileges."""
