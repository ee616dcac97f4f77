"""Memory of hosts and GPUs: who took it, who was killed for it, and how much is needed."""
