"""Where callbacks read and write files: a lane of their own, so that a slow disk never holds the loop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aseq.compute import Lane
from aseq.errors import SourceError

if TYPE_CHECKING:
    import os

__all__ = ["FILES", "make_folder"]

FILES = Lane("callback files", 4)
"""Threads for the file work of callbacks."""


def make_folder(path: str | os.PathLike[str]) -> None:
    """Make the folder that a file is to be written into, and those above it, if they are missing.

    Raises:
        SourceError: It cannot be made.
    """
    folder = Path(path).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SourceError(
            str(path),
            f"expected a folder to write it into, received {error.strerror} for {str(folder)!r}. Choose another.",
        ) from error
