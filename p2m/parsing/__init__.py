"""A prompt, read by rules into a typed `Task`: quick (milliseconds) and pure, so that planning calls it too.

The rules lie one to a module: demonstrations (which parts of a prompt are rows), fields (what goes in),
labels, kind (what sort of task), language; `task` puts them together and `words` holds the vocabulary.
"""

from p2m.parsing.task import parse_prompt

__all__ = ["parse_prompt"]
