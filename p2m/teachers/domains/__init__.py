"""The kinds of tasks that the embedded teacher knows: each a package here with a class `Domain` (see `base`).

The folder is the registry. No module imports a domain by a statement, so that a step's key holds the rules
and words of the domain whose rows it writes, and of no other.
"""
