"""vops on real Kubernetes parts: how they are started here, and what is asked of vops on them."""
