"""What a runtime is to the stages: the predictor of exported folders, and the file that bundles ship."""

from p2m.runtimes.predict import CHECKSUMS, BundleError, InputError, Predictor, Settings, check_sums

__all__ = ["CHECKSUMS", "BundleError", "InputError", "Predictor", "Settings", "check_sums"]
