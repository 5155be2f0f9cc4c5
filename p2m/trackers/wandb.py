"""Runs of Weights & Biases: a project a recipe; variants and trials share a group.

What is written offline is sent by `wandb sync`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from p2m.trackers.base import TrackedRun


@dataclass(frozen=True)
class WandB:
    project: str | None = None  # null: the recipe's name
    entity: str | None = None  # user or team; null: as wandb has it
    mode: str | None = None  # online or offline; null: $WANDB_MODE, else online where $WANDB_API_KEY is set

    def log(self, run: TrackedRun) -> str:
        import wandb

        known = "online" if os.environ.get("WANDB_API_KEY") else "offline"
        mode = "offline" if run.is_offline else self.mode or os.environ.get("WANDB_MODE") or known
        run.folder.mkdir(parents=True, exist_ok=True)
        made = wandb.init(
            project=self.project or run.recipe, entity=self.entity, name=run.name, group=run.group or None,
            config={**run.parameters}, mode=mode, dir=str(run.folder), reinit="create_new",
            settings=wandb.Settings(silent=True, console="off", init_timeout=30, x_disable_stats=True),
        )  # fmt: skip
        try:
            for name in run.curves:
                made.define_metric(name, step_metric="training/step")
            steps = sorted({step for curve in run.curves.values() for step, _ in curve})
            at = {name: dict(curve) for name, curve in run.curves.items()}
            for step in steps:
                there = {name: values[step] for name, values in at.items() if step in values}
                made.log({"training/step": step, **there})
            made.summary.update({**run.metrics, **{f"p2m/{name}": each for name, each in run.tags.items()}})
        finally:
            made.finish()
        return made.url or f"{Path(made.dir).parent}; to send it: wandb sync"
