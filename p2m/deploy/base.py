"""What a runtime is to the stages: the predictor of exported folders, and what a bundle says of itself."""

from pathlib import Path

from p2m.deploy.card import Facts, model_card, sources
from p2m.deploy.serving import predict
from p2m.deploy.serving.predict import (
    CHECKSUMS,
    BundleError,
    InputError,
    Predictor,
    Settings,
    asked,
    check_sums,
    open_encoder,
)
from p2m.deploy.verdict import verdict_on

SOURCE = Path(predict.__file__)  # copied into every bundle as predict.py

__all__ = [
    "CHECKSUMS",
    "SOURCE",
    "BundleError",
    "Facts",
    "InputError",
    "Predictor",
    "Settings",
    "asked",
    "check_sums",
    "model_card",
    "open_encoder",
    "sources",
    "verdict_on",
]
