"""Rules about models that cannot be had or read."""
