"""Rules about pods that a node refused."""
