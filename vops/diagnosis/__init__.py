"""What is wrong, and why: rules over facts, with evidence. Pure: nothing here fetches."""
