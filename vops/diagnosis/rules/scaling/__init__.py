"""Rules about autoscalers, and what they follow."""
