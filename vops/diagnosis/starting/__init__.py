"""What stands between a scheduled pod and a ready server."""
