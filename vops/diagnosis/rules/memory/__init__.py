"""Rules about host memory, GPU memory and the KV cache."""
