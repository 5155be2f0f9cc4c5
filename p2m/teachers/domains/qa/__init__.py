"""Reading comprehension, a domain of the embedded teacher: see `domain`."""
