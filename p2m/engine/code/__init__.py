"""What code a step reaches, as digests; and loading exactly that code."""
