"""The command line: `aseq fit | evaluate | predict | demo | bench`."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

from aseq.cli._arguments import parser
from aseq.errors import AseqError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

FAILED, INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Without the program's name; those of the process if not given.

    Returns:
        The exit code: 0, 2 after an error (one line says which), 130 after Ctrl-C.

    Examples:
        >>> main(["evaluate", "nowhere.aseq", "nothing.csv"])
        2
    """
    parsed = parser().parse_args(arguments)
    try:
        asyncio.run(parsed.run(parsed))
    except KeyboardInterrupt:
        print("aseq: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has had enough, as in `aseq predict ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (AseqError, OSError) as error:
        print(f"aseq {parsed.command}: {' '.join(str(error).split())}", file=sys.stderr)
        return FAILED
    return 0
