"""Checkpoints of a few thousand weights, one an architecture, with a Unigram vocabulary of two scripts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conftest import CITIES, PEOPLE

from p2m.students.e5_file import tokenizer_of

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
WORDS = (*PEOPLE, *CITIES, "lives", "in", "is", "away", "who", "there", "query")
FOREIGN = ("живёт", "в", "Риме", "дома")
MARKS = tuple(".,?!:;-0123456789▁")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
RUSSIAN = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"
_PLACES = {"bos": 0, "pad": 1, "eos": 2, "unk": 3}
CONFIGS: dict[str, dict[str, Any]] = {
    "bert": {"max_position_embeddings": 64, "type_vocab_size": 2},
    "xlm-roberta": {"max_position_embeddings": 66, "type_vocab_size": 1},
    "modernbert": {
        "max_position_embeddings": 128, "local_attention": 16, "global_attn_every_n_layers": 2,
        "bos_token_id": 0, "cls_token_id": 0, "eos_token_id": 2, "sep_token_id": 2,
    },
    "deberta-v2": {
        "max_position_embeddings": 64, "type_vocab_size": 0, "relative_attention": True,
        "position_buckets": 16, "norm_rel_ebd": "layer_norm", "share_att_key": True,
        "pos_att_type": ["p2c", "c2p"], "position_biased_input": False,
    },
}  # fmt: skip


def pieces() -> list[tuple[str, float]]:
    """Pieces and scores: words are likelier than what they are spelt by."""
    singles = dict.fromkeys([*MARKS, *LETTERS, *LETTERS.upper(), *RUSSIAN, *RUSSIAN.upper()])
    found = [(each, 0.0) for each in SPECIAL[:-1]]
    found += [(each, -8.0 - place / 100) for place, each in enumerate(singles)]
    found += [(f"▁{each}", -4.0 - place / 100) for place, each in enumerate((*WORDS, *FOREIGN))]
    return [*found, (SPECIAL[-1], 0.0)]


def write_checkpoint(folder: Path, kind: str) -> Path:
    """A folder as the Hub lays it out."""
    import torch
    import transformers

    names, scores = zip(*pieces(), strict=True)
    shape = {
        "vocab_size": len(names), "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 48, "pad_token_id": 1,
    }  # fmt: skip
    config = transformers.AutoConfig.for_model(kind, **shape | CONFIGS[kind])
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        model = transformers.AutoModel.from_config(config)
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(std=0.25)  # wide enough for tokens to matter
        model.save_pretrained(folder)
    write_tokenizer(folder, names, scores)
    return folder


def write_tokenizer(folder: Path, names: Sequence[str], scores: Sequence[float]) -> None:
    special = {**_PLACES, "mask": len(names) - 1}
    tokenizer_of(list(names), scores, special).save(str(folder / "tokenizer.json"))
    tokens = {f"{name}_token": names[place] for name, place in special.items()}
    tokens |= {"tokenizer_class": "PreTrainedTokenizerFast", "cls_token": "<s>", "sep_token": "</s>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokens), encoding="utf-8")
