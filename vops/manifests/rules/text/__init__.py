"""The YAML itself."""
