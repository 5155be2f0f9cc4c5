"""A page to try bundles on: what they answer, how sure they are, and what a person says of it."""
