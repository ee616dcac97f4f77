"""What is: immutable typed data about a cluster and its vLLM servers. No I/O."""
