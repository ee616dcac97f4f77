"""What would change: changes with diffs, who owns the fields, what must hold first. Pure: nothing here writes."""
