"""What a person writes to train on two devices: Trainer and its arguments, under torchrun."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, TrainerCallback, TrainingArguments

from p2m.types import Shaping


def main(job: str, out: str) -> None:
    learner, features, batch, steps = torch.load(job, weights_only=False)
    ended: list[float] = []

    class Timed(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *_: Any, **__: Any) -> None:
            ended.append(time.perf_counter())

    class Plain(Trainer):  # type: ignore[misc]
        def compute_loss(self, model: Any, inputs: Any, *_: Any, **__: Any) -> Any:
            whole, learner.model = learner.model, model
            try:
                return learner.loss(inputs, Shaping())
            finally:
                learner.model = whole

    is_cpu = not torch.cuda.is_available()
    arguments = TrainingArguments(
        output_dir=f"{out}.d", max_steps=steps, per_device_train_batch_size=batch // 2, learning_rate=5e-5,
        warmup_steps=0.1, optim="adamw_torch_fused", use_cpu=is_cpu, ddp_backend="gloo" if is_cpu else None,
        save_strategy="no", logging_steps=1, report_to="none", disable_tqdm=True,
        remove_unused_columns=False, dataloader_drop_last=True,
    )  # fmt: skip
    trainer = Plain(
        model=learner.model, args=arguments, train_dataset=features, data_collator=learner.collate,
        callbacks=[Timed()],
    )  # fmt: skip
    trainer.train()
    if trainer.args.process_index == 0:
        losses = [each["loss"] for each in trainer.state.log_history if "loss" in each]
        Path(out).write_text(json.dumps({"ended": ended, "loss": losses[-1]}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
