"""What a runtime is to the stages: the predictor of exported folders, and the file that bundles ship."""

from pathlib import Path

from p2m.runtimes import predict
from p2m.runtimes.predict import CHECKSUMS, BundleError, InputError, Predictor, Settings, check_sums

SOURCE = Path(predict.__file__)  # copied into every bundle as predict.py

__all__ = ["CHECKSUMS", "SOURCE", "BundleError", "InputError", "Predictor", "Settings", "check_sums"]
