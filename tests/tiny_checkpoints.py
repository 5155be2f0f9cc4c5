"""Tiny checkpoints from scratch, laid out as the Hub has them, with tokenizers of the real kinds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conftest import CITIES, PEOPLE

TEXTS = [
    *PEOPLE,
    *CITIES,
    *(person[::-1] for person in PEOPLE),
    "lives in is away who there question context text yes no billing delivery",
    '["billing", "delivery"] [] {"name": "Ada"} def f(x): return x',
]
SENTINELS = [f"<extra_id_{i}>" for i in range(10)]
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] +"
    " '<|im_end|>' + '\n' }}{% endfor %}"
)


def unigram(*, lacking: str = "") -> Any:
    """As T5's: Unigram, </s> behind every text, words split at blanks; without the characters `lacking`."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

    letters = sorted(
        {each for text in TEXTS for each in text} | set("abcdefghijklmnopqrstuvwxyz0123456789.?")
    )
    words = sorted({f"▁{word}" for text in TEXTS for word in text.split()})
    kept = [each for each in [*letters, *words] if not set(each) & set(lacking)]
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -3.0)]
    vocabulary += [(each, -2.0 if each in words else -5.0) for each in kept if each != " "]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=2, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace("▁", prepend_scheme="always")]
    )
    tokenizer.decoder = decoders.Metaspace("▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    tokenizer.add_special_tokens(["<pad>", "</s>", "<unk>", *SENTINELS])
    return tokenizer


def byte_level(special: Sequence[str], *, roberta: bool) -> Any:
    """As GPT-2's and Llama 3's: BPE over bytes; as RoBERTa's and CodeT5's with <s> and </s> around a text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=list(special), show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    tokenizer.train_from_iterator(TEXTS, trainer)
    if roberta:
        tokenizer.post_processor = processors.RobertaProcessing(
            ("</s>", tokenizer.token_to_id("</s>")), ("<s>", tokenizer.token_to_id("<s>"))
        )
    return tokenizer


def t5(folder: Path, tokenizer: Any, *, tied: bool, **more: Any) -> Path:
    """A T5 of two layers; not tied, it is gated as version 1.1. Without a tokenizer it is ByT5's."""
    import torch
    from safetensors.torch import save_file
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    settings: dict[str, Any] = {
        "d_model": 48, "d_kv": 12, "d_ff": 64, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0,
        "vocab_size": tokenizer.get_vocab_size() if tokenizer else 384, "dropout_rate": 0.0,
        "feed_forward_proj": "relu" if tied else "gated-gelu", "tie_word_embeddings": tied, **more,
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = T5ForConditionalGeneration(T5Config(**settings))
        state = {
            name: each.clone() for name, each in model.state_dict().items() if "embed_tokens" not in name
        }
        if tied:
            del state["lm_head.weight"]
        else:
            state["lm_head.weight"] = torch.randn_like(state["lm_head.weight"]) * 0.2
            state["shared.weight"] *= 0.5
    folder.mkdir(parents=True, exist_ok=True)
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    config = {"model_type": "t5", "architectures": ["T5ForConditionalGeneration"], "eos_token_id": 1,
              "pad_token_id": 0, **settings}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    if tokenizer is None:
        (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "ByT5Tokenizer"}))
    else:
        PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, eos_token="</s>", unk_token="<unk>", pad_token="<pad>"
        ).save_pretrained(folder)
    return folder


def causal(folder: Path, kind: str, *, template: str | None = CHATML, **more: Any) -> Path:
    """A Llama or Qwen3 of two layers with grouped queries."""
    import torch
    import transformers
    from transformers import PreTrainedTokenizerFast

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = byte_level(special, roberta=False)
    settings: dict[str, Any] = {
        "vocab_size": tokenizer.get_vocab_size(), "hidden_size": 48, "intermediate_size": 96,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
        "max_position_embeddings": 512, "tie_word_embeddings": True, "eos_token_id": 0, "bos_token_id": 0,
        "pad_token_id": 0, **more,
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        model = getattr(transformers, f"{kind}ForCausalLM")(
            getattr(transformers, f"{kind}Config")(**settings)
        )
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(std=0.12)
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|endoftext|>", bos_token="<|endoftext|>",
        pad_token="<|endoftext|>", chat_template=template, additional_special_tokens=special[1:],
    ).save_pretrained(folder)  # fmt: skip
    return folder


def hub_cache(home: Path, model: str, source: Path, commit: str) -> Path:
    """`source` as the Hub's client lays a snapshot out in its cache, under HF_HOME=home."""
    root = home / "hub" / f"models--{model.replace('/', '--')}"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text(commit)
    snapshot = root / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (root / "blobs").mkdir()
    for number, path in enumerate(sorted(source.iterdir())):
        blob = root / "blobs" / f"{number:040x}"
        blob.write_bytes(path.read_bytes())
        (snapshot / path.name).symlink_to(Path("../../blobs") / blob.name)
    return snapshot
