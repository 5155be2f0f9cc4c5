"""The kinds of tasks that the embedded teacher knows: each a folder whose `domain.py` has a class `Domain`.

The folder is the registry (see `base`). No module imports a domain by a statement, so that a step's key holds
the rules and words of the domain whose rows it writes, and of no other.
"""
