"""What may keep a pod away from a node, a filter a module, each as kube-scheduler's plugin of that name has it."""
