"""Rules about rollouts that cannot end."""
