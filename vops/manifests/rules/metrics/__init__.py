"""PromQL, and what scrapes the metrics."""
