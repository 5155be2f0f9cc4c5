"""The version of p2m, apart from the package that offers the API."""

__version__ = "0.1.0"
