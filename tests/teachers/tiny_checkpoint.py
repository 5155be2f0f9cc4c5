"""A llama of random weights as a checkpoint with a chat template: nonsense by the real machinery."""

from __future__ import annotations

from pathlib import Path

from tests.teachers.tiny_gguf import SPECIAL, TEMPLATE, letters


def write(folder: Path, *, template: str = TEMPLATE, context: int = 512) -> Path:
    """Make the folder: byte-level tokens, two layers."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokens = [*letters(), *SPECIAL]
    bytewise = Tokenizer(models.BPE(vocab={token: n for n, token in enumerate(tokens)}, merges=[]))
    bytewise.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytewise.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bytewise, eos_token=SPECIAL[0], additional_special_tokens=list(SPECIAL[1:])
    )
    tokenizer.chat_template = template or None
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokens), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=context,
        bos_token_id=tokens.index(SPECIAL[0]), eos_token_id=tokens.index(SPECIAL[0]), initializer_range=0.2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
