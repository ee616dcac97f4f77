"""vops: an operations shell for vLLM on Kubernetes."""

__version__ = "0.1.0"
