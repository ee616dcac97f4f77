"""Tests of vops; `tests/cluster` and `tests/bench` need root and real Kubernetes parts."""
