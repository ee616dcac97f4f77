"""Nodes with GPUs, and the DaemonSets that make them usable and watched."""
