"""What scales workloads: the arithmetic of autoscalers, their queries, and their errors."""
