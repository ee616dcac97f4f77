"""Rules about the vLLM process itself."""
