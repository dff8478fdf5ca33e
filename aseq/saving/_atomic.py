"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["atomic_path"]


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a path to write to; it takes the place of `path` when the block ends well.

    After an error the file that was there before stands unchanged, and nothing else is left.

    Args:
        path: Where the file shall be in the end.

    Examples:
        >>> import tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> target = Path(folder.name) / "numbers.txt"
        >>> with atomic_path(target) as unfinished:
        ...     _ = unfinished.write_text("1 2 3")
        >>> target.read_text()
        '1 2 3'
        >>> folder.cleanup()
    """
    target = Path(path)
    unfinished = target.with_name(f".{target.name}.{secrets.token_hex(6)}.part")
    try:
        yield unfinished
        _flush(unfinished)
        if target.exists():
            unfinished.chmod(target.stat().st_mode & 0o777)
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Bring the content to disk first: a rename must not outlive a crash that its content does not."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
