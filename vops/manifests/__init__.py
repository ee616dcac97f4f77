"""Manifests as text: read with the place of every field, checked by rules, rendered from the library; no I/O."""
