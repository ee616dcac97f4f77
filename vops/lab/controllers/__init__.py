"""The simulated controllers of Kubernetes: each notices changes, marks what to look at, and acts when asked to work."""
