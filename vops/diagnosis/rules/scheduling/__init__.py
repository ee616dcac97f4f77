"""Rules about pods that no node takes."""
