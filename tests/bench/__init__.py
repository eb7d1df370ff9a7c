"""Timings and ratios, printed: `make bench`."""
