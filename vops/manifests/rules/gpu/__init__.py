"""GPUs: requests, sharing, exporters."""
