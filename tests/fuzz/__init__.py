"""Fuzzing of everything that reads what others wrote: bundles, logs, metrics (`python -m tests.fuzz`)."""
