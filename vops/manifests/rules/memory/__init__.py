"""Host memory and /dev/shm."""
