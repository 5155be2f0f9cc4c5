"""Temporal expressions, a domain of the embedded teacher: see `domain`."""
