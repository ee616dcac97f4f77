"""What vops relies on a Kubernetes API server for, asked of the lab and, unchanged, of a real control plane."""
