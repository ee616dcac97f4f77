"""Where a pod could run, by the objects and by the scheduler's words."""
