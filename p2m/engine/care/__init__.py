"""Keeping a store well: what is live, what may go, what is damaged, what is not reproducible."""
