"""vLLM's command line and environment."""
