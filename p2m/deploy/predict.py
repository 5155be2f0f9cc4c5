#!/usr/bin/env python3
"""Answers of the model beside this file: `python predict.py --help`, or `from predict import Predictor`.

This file and the folder serving/ are one package, whatever name this file is imported by; so several bundles
may be open in one process. What they need stands in requirements.txt.
"""

import sys
from importlib import import_module
from pathlib import Path

__path__ = [str(Path(__file__).resolve().parent / "serving")]


def __getattr__(name: str) -> object:
    """What serving/predictor.py exports: Predictor, Answer, InputError, BundleError."""
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.predictor"), name)


if __name__ == "__main__":
    try:
        main = import_module(f"{__name__}.command").main
    except ModuleNotFoundError as error:
        sys.exit(f"predict.py: {__path__[0]}: {error}; copy the bundle again")
    sys.exit(main())
