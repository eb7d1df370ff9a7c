"""Saved benchmark runs in the lab."""


def section() -> None:
    """Nothing yet."""
