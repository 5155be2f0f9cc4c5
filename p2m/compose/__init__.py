"""Recipe, config groups and overrides to one validated `ModelSpec`. All of Hydra that p2m uses lives here.

Hydra chooses the files and merges them; pydantic (`p2m.spec`) says what they mean. What we add is a config
source that reads YAML strictly and knows lines, so that every setting can say where it stands.
"""

from p2m.compose.single import Composed, compose
from p2m.compose.sweep import Job, Span, multirun, span

__all__ = ["Composed", "Job", "Span", "compose", "multirun", "span"]
