"""Make the catalogues that ship of the texts beside: facts (.jsonl), and what each is about (.about).

    make curated            # writes p2m/catalogs/curated/datasets.parquet and models.parquet

The facts (tasks, languages, licence, columns with the names of their labels, parts, rows of all
configurations, downloads, likes; of models what their cards say of parameters, class and library) are those
of dataset cards in the history of huggingface/datasets (Apache-2.0, 2020 to 2022), of model cards in the
history of huggingface/transformers (Apache-2.0) and in microsoft/JARVIS (MIT), and of the index of
neulab/prompt2model (Apache-2.0, 2023 and 2024). They were true then, and nobody has looked since: entries say
so. What none of them tells (sizes in bytes, commits) is not there.
"""

from __future__ import annotations

import json
from pathlib import Path

from p2m.catalogs.cards import normal_part
from p2m.catalogs.entries import Config, Entry
from p2m.catalogs.files import CURATED, CURATED_MODELS, write_catalog
from p2m.catalogs.front_matter import normal_license

TEXTS = Path(__file__).parent
SINCE = {
    "dataset": "2022-01-01",
    "model": "2020-11-01",
}  # the first day on which any of the facts may have changed
DAY = "2024-03-01"


def entries(kind: str) -> list[Entry]:
    """All entries of a kind.

    Raises:
        ValueError: a name with facts and no line of ours, or the other way round.
    """
    lines = (TEXTS / f"{kind}s.about").read_text(encoding="utf-8").splitlines()
    about = dict(line.split(" | ", 1) for line in lines if not line.startswith("#"))
    facts = [json.loads(line) for line in (TEXTS / f"{kind}s.jsonl").read_text(encoding="utf-8").splitlines()]
    if odd := about.keys() ^ {one["id"] for one in facts}:
        raise ValueError(f"{kind}s: {', '.join(sorted(odd))} stand in one of the two files only")
    return [_entry(one, kind, about[one["id"]]) for one in facts]


def _entry(one: dict[str, object], kind: str, about: str) -> Entry:
    facts = json.loads(json.dumps(one))
    configs = tuple(
        Config(
            config["name"],
            tuple((name, type_) for name, type_ in config["columns"]),
            tuple((normal_part(name), rows) for name, rows in config["parts"]),
        )
        for config in facts.get("configs", ())
    )
    return Entry(
        id=facts["id"],
        kind=kind,
        task_ids=tuple(facts["task_ids"]),
        languages=tuple(facts["languages"]),
        license=", ".join(dict.fromkeys(normal_license(text) for text in facts["license"])),
        rows=facts.get("rows"),
        configs=configs,
        label_names={
            column: {str(number): name for number, name in enumerate(names)}
            for column, names in facts.get("labels", {}).items()
        },
        downloads=facts["downloads"],
        likes=facts["likes"],
        description=about,
        parameters=facts.get("parameters"),
        architecture=facts.get("architecture", ""),
        library=facts.get("library", ""),
        unverified_since=SINCE[kind],
    )


if __name__ == "__main__":
    for kind, path in (("dataset", CURATED), ("model", CURATED_MODELS)):
        made = entries(kind)
        write_catalog(made, path, day=DAY)
        print(f"{path}: {len(made)} {kind}s, {path.stat().st_size:,} bytes")
