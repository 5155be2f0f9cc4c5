"""A prompt, read into a typed `Task`: quick (milliseconds) and pure, so that planning calls it too.

One module a question: demonstrations (which parts of a prompt are rows), fields (what goes in), labels, kinds
(what sort of task), answers (what the user's rows say of it), options (of labels that name a text), language;
`task` puts them together. `words` and `signs` hold the vocabulary; `weights` and the model in `reader` are
learnt from recipes/data/prompts.
"""

from p2m.parsing.answers import hardly_return, orders_of, read_answers
from p2m.parsing.not_built import not_built
from p2m.parsing.options import columns_of
from p2m.parsing.task import parse_prompt, sure_of

__all__ = ["columns_of", "hardly_return", "not_built", "orders_of", "parse_prompt", "read_answers", "sure_of"]
