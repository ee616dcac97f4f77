"""Volumes and the model cache."""
