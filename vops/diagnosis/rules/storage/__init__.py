"""Rules about volumes and files."""
