"""`python -m wiremark.cli` does what `wiremark` does."""

from __future__ import annotations

import sys

from . import main

sys.exit(main())
