"""Rules about Secrets and ConfigMaps."""
