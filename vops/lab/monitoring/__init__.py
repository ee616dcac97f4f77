"""The lab's Prometheus: what it scrapes, and the part of PromQL that autoscalers and dashboards of the lab use."""
