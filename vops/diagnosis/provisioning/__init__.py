"""Whether a node is coming: what autoscalers and clouds were asked, and what they answered."""
