"""Where people decide about rows: a page on this machine, and questions in a terminal.

What they decide goes to a file beside the recipe at once (`overlay`), which curation applies.
"""
