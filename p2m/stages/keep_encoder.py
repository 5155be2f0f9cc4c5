"""keep_encoder: of a frozen encoder and a smaller one, the one that linear students read."""

from __future__ import annotations

from p2m.engine.stage import stage
from p2m.sizes import folder_size
from p2m.stages.gating import loss
from p2m.types import Encoder, Weighed


@stage(version="1", kind="pure")
def keep_encoder(before: Encoder, made: Encoder, weighed: Weighed, *, tolerance: float) -> Encoder:
    """The one `made` where it is smaller and, with it, a student loses at most `tolerance` of the metric."""
    first, last = weighed.tried[0], weighed.tried[-1]
    is_kept = loss(first.score, last.score) <= tolerance and folder_size(made.folder) < folder_size(
        before.folder
    )
    return made if is_kept else before
