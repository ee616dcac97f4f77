"""Diagnosis without a cluster: files, pipes and pasted text become a snapshot like any other."""
