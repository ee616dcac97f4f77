"""The lint rules, a file each, by area; discovered, never listed."""
