#!/usr/bin/env python3
"""The model beside this file, served over HTTP: `python server.py --help`.

This file and the folder serving/ are one package. What they need stands in requirements.txt and
requirements-server.txt.
"""

import sys
from importlib import import_module
from pathlib import Path

__path__ = [str(Path(__file__).resolve().parent / "serving")]

if __name__ == "__main__":
    try:
        main = import_module(f"{__name__}.http.command").main
    except ModuleNotFoundError as error:
        sys.exit(f"server.py: {__path__[0]}: {error}; copy the bundle again")
    sys.exit(main())
