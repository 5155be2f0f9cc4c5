"""What a kill must not lose: one file that appears whole, with all that the next step depends on."""

from __future__ import annotations

import os
import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from p2m.types import Evaluation

FILE = "training.pt"


@dataclass
class State:
    """A training between two steps."""

    step: int = 0
    losses: list[float] = field(default_factory=list)  # of the steps since the last evaluation
    history: list[Evaluation] = field(default_factory=list)
    best: dict[str, Any] | None = None  # weights of the best evaluation; None: those at hand


def save(folder: Path, state: State, model: Any, optimizer: Any) -> None:
    """Write the checkpoint of `folder`, in place of the one before."""
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "step": state.step,
        "losses": state.losses,
        "history": [asdict(each) for each in state.history],
        "best": state.best,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    fresh = folder / f"{FILE}.new"
    with fresh.open("wb") as stream:
        torch.save(content, stream)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(folder / FILE)


def load(folder: Path, model: Any, optimizer: Any) -> State | None:
    """Bring model and optimizer to where the checkpoint of `folder` left them; None where there is none.

    One that cannot be read is none.
    """
    import torch

    try:
        content = torch.load(folder / FILE, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError):
        return None
    model.load_state_dict(content["model"])
    optimizer.load_state_dict(content["optimizer"])
    history = [Evaluation(**each) for each in content["history"]]
    return State(content["step"], content["losses"], history, content["best"])


def weights_of(model: Any) -> dict[str, Any]:
    """A copy of the weights in memory."""
    return {name: each.detach().to("cpu", copy=True) for name, each in model.state_dict().items()}
