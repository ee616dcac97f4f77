"""The rules, a file each, in a folder per area; see vops.diagnosis.rule."""
