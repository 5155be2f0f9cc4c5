"""`python -m p2m` is `p2m`."""

import sys

from p2m.cli.main import main

sys.exit(main())
