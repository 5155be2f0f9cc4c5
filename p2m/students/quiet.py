"""Silence for libraries that report on standard error what no user of p2m can act on."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator

_CHATTY = ("transformers", "torch.onnx", "onnxscript", "onnx_ir", "huggingface_hub", "torch", "accelerate")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Within it, only errors are logged, nothing is warned and no bars are drawn; then all is as before."""
    from transformers.utils import logging as transformers_logging

    before = {name: logging.getLogger(name).level for name in _CHATTY}
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
        if bars:
            transformers_logging.enable_progress_bar()
