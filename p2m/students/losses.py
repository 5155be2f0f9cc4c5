"""Losses of the heads: cross-entropy over labels, tokens and positions, with what `Shaping` makes of it."""

from __future__ import annotations

from typing import Any

from p2m.types import Shaping


def cross_entropy(logits: Any, labels: Any, shaping: Shaping) -> Any:
    """Mean over rows, in nats, of logits (..., labels) and indices (...), -100 where there is none.

    Labels smoothed as by Szegedy et al. (2016), rows that are easy counting less by focal loss (Lin et al.,
    2017, arXiv 1708.02002).
    """
    import torch
    from torch.nn import functional

    labels, logits = labels.flatten(), logits.float().flatten(0, -2)
    each = functional.cross_entropy(
        logits, labels, weight=shaping.weights, ignore_index=-100, label_smoothing=shaping.smoothing,
        reduction="none",
    )  # fmt: skip
    if shaping.focal:
        plain = functional.cross_entropy(logits, labels, ignore_index=-100, reduction="none")
        each = each * (1 - torch.exp(-plain)) ** shaping.focal
    # Over rows: torch's own mean would undo the weights within a batch of one label.
    return each.sum() / (labels != -100).sum().clamp(min=1)


def soft_cross_entropy(logits: Any, shares: Any, shaping: Shaping) -> Any:
    """Mean over rows, in nats, of logits and shares of votes, both (rows, labels)."""
    each = -(shares * logits.float().log_softmax(-1))
    if shaping.weights is not None:
        each = each * shaping.weights
    return each.sum(-1).mean()


def positions(starts: Any, ends: Any, first: Any, last: Any, shaping: Shaping) -> Any:
    """Mean of both ends' cross-entropies, of logits (batch, length) and positions (batch,)."""
    from dataclasses import replace

    shaping = replace(shaping, weights=None)
    return (cross_entropy(starts, first, shaping) + cross_entropy(ends, last, shaping)) / 2


def any_position(logits: Any, places: Any, mask: Any) -> Any:
    """Mean over rows of the nats that all right places together lack, of logits and places (batch, length).

    `places` is true where a span may begin (or end); rows without a place teach nothing. `mask` is 0 where a
    row is padded.
    """
    import torch

    lowest = torch.finfo(torch.float32).min
    logits = logits.float().masked_fill(mask == 0, lowest)
    each = logits.logsumexp(-1) - logits.masked_fill(~places, lowest).logsumexp(-1)
    known = places.any(-1)
    return torch.where(known, each, torch.zeros_like(each)).sum() / known.sum().clamp(min=1)


def binary_cross_entropy(logits: Any, shares: Any, shaping: Shaping) -> Any:
    """Mean over rows and labels, in nats, of logits and shares (rows, labels): 1 of a label that holds.

    `weights` count the rows that have a label, not those that lack it.
    """
    import torch
    from torch.nn import functional

    logits, shares = logits.float(), shares.float()
    smooth = shares * (1 - shaping.smoothing) + shaping.smoothing / 2
    each = functional.binary_cross_entropy_with_logits(
        logits, smooth, pos_weight=shaping.weights, reduction="none"
    )
    if shaping.focal:
        right = torch.sigmoid(torch.where(shares > 0.5, logits, -logits))
        each = each * (1 - right) ** shaping.focal
    return each.mean()


def squares(values: Any, wanted: Any) -> Any:
    """Mean squared error over rows."""
    return ((values.float() - wanted) ** 2).mean()
