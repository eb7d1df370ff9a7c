"""Benchmarks of retrieval: one encode, every dimension, with error bars; knows nothing of the dashboard."""
