"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from aseq.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["atomic_path", "check_folder"]


def check_folder(path: str | os.PathLike[str]) -> None:
    """Refuse a path that no file can be written to, before there is anything to write.

    Raises:
        SourceError: Its folder is missing or may not be written to, or it is a folder itself.

    Examples:
        >>> check_folder("nowhere/digits.aseq")
        Traceback (most recent call last):
        aseq.errors.SourceError: nowhere/digits.aseq: expected a folder to write it into, there is no 'nowhere'. ...
    """
    target = Path(path)
    folder = target.parent
    if target.is_dir():
        raise SourceError(str(path), "expected a file to write, this is a folder. Choose another.")
    if not folder.is_dir():
        problem = f"there is no {str(folder)!r}"
    elif not os.access(folder, os.W_OK | os.X_OK):
        problem = f"{str(folder)!r} may not be written to"
    else:
        return
    raise SourceError(
        str(path), f"expected a folder to write it into, {problem}. Make the folder first, or choose another."
    )


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a path to write to; it takes the place of `path` when the block ends well.

    After an error the file that was there before stands unchanged, and nothing else is left.

    Args:
        path: Where the file shall be in the end.

    Raises:
        SourceError: No file can be there.

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
    check_folder(path)
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
