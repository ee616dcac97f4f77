"""Step kinds, a file each; see vops.runbooks.kinds for what such a file holds."""
