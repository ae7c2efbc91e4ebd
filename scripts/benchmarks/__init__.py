"""Benchmarks: what the project does, timed beside its peers in the same run on the same machine."""
