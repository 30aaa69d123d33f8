"""Benchmarks, one for each path, against a real peer or the least that any program must do. `make bench` runs all."""
