"""Runs of MLflow: an experiment a recipe; the variants of a sweep and the trials of a search lie in one run.

mlflow ui --backend-store-uri sqlite:///outputs/.tracking/mlflow.db
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from typing import Any

from p2m.trackers.base import TrackedRun

_VALUE = 6000  # characters that MLflow keeps of a parameter
_BATCH = 100  # parameters that one request may bring
_GROUP = "p2m.group"


@dataclass(frozen=True)
class MLflow:
    uri: str | None = None  # of the tracking server; null: $MLFLOW_TRACKING_URI, else a file of the project
    experiment: str | None = None  # null: the recipe's name

    def log(self, run: TrackedRun) -> str:
        for name, value in (("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1"), ("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")):
            os.environ.setdefault(name, value)  # a server that is away holds nobody up
        from mlflow import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)
        uri = self.uri or os.environ.get("MLFLOW_TRACKING_URI") or _local(run)
        client = MlflowClient(tracking_uri=uri)
        experiment = _experiment(client, self.experiment or run.recipe)
        tags = {f"p2m.{name}": value for name, value in run.tags.items()}
        if run.group:
            tags["mlflow.parentRunId"] = _parent(client, experiment, run.group)
        made = client.create_run(experiment, run_name=run.name, tags=tags).info.run_id
        _fill(client, made, run)
        client.set_terminated(made)
        return f"run {made} of {self.experiment or run.recipe} in {uri}"


def _local(run: TrackedRun) -> str:
    run.folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{run.folder / 'mlflow.db'}"


def _experiment(client: Any, name: str) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name))
        except MlflowException:  # another build made it just now
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return str(found.experiment_id)


def _parent(client: Any, experiment: str, group: str) -> str:
    """The run around those of a sweep or a search."""
    found = client.search_runs([experiment], f"tags.`{_GROUP}` = '{group}'", max_results=1)
    run = found[0] if found else client.create_run(experiment, run_name=group, tags={_GROUP: group})
    if not found:
        client.set_terminated(run.info.run_id)
    return str(run.info.run_id)


def _fill(client: Any, made: str, run: TrackedRun) -> None:
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    metrics = [Metric(name, value, now, 0) for name, value in run.metrics.items()]
    metrics += [Metric(name, each, now, at) for name, curve in run.curves.items() for at, each in curve]
    values = [Param(_spelt(name), str(each)[:_VALUE]) for name, each in run.parameters.items()]
    for start in range(0, len(values), _BATCH):
        client.log_batch(made, params=values[start : start + _BATCH])
    for start in range(0, len(metrics), 1000):
        client.log_batch(made, metrics=metrics[start : start + 1000])


def _spelt(name: str) -> str:
    """A name with the characters that MLflow takes."""
    return "".join(letter if letter.isalnum() or letter in "_-. :/" else "_" for letter in name)
