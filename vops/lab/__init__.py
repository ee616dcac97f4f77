"""The embedded lab: a simulated Kubernetes cluster with vLLM in it, served over loopback; it knows nothing of vops."""
