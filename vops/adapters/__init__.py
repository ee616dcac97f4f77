"""Adapters: each satisfies a port and is the only importer of its library; none knows another."""
