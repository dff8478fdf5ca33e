"""`python -m aseq` is `aseq`."""

from __future__ import annotations

import sys

from aseq.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
