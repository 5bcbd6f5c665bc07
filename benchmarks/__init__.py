"""Measurements: run them with `make bench` and `make eval`."""
