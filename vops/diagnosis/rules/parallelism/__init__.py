"""Rules about several GPUs working together."""
