"""Rollouts, drains and who sets the replicas."""
