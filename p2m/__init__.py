"""p2m compiles a recipe (a prompt, constraints, metric preferences) into a small model to deploy."""

__version__ = "0.1.0"
