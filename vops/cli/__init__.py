"""The command line: one module a command, stdout for data, stderr for narration."""
