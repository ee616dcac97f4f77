"""The runbook language: YAML steps with CEL conditions, planned from a snapshot, run by one engine."""
