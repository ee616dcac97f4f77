"""Rules about pods that were ended from outside."""
