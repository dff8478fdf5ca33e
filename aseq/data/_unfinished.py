"""A file that takes its name when it is whole; what a killed process left of one is removed by the next."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys

if sys.platform != "win32":
    import fcntl

__all__ = ["Unfinished"]

ENDING = ".part"


class Unfinished:
    """A file to write, beside the place where it shall be.

    It is locked as long as its process lives, so that another one can tell whether it was abandoned.

    Args:
        path: Where it shall be in the end.

    Attributes:
        file: To write to.

    Raises:
        OSError: There is no place for it.

    Examples:
        >>> import pathlib, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> unfinished = Unfinished(folder.name + "/numbers")
        >>> _ = unfinished.file.write(b"1 2 3")
        >>> unfinished.finish()
        >>> pathlib.Path(folder.name, "numbers").read_bytes()
        b'1 2 3'
        >>> folder.cleanup()
    """

    def __init__(self, path: str) -> None:
        self._target = os.path.abspath(path)
        folder, name = os.path.split(self._target)
        _remove_abandoned(folder, f".{name}.")
        while True:
            self._path = os.path.join(folder, f".{name}.{secrets.token_hex(6)}{ENDING}")
            self.file = open(self._path, "xb")  # noqa: SIM115
            if sys.platform == "win32":
                return
            with contextlib.suppress(OSError):  # some file systems have no locks
                fcntl.flock(self.file, fcntl.LOCK_EX)
            if os.fstat(self.file.fileno()).st_nlink:  # else it was taken for abandoned just before
                return
            self.file.close()

    def finish(self) -> None:
        """Bring it to disk, and put it in its place."""
        self.file.flush()
        os.fsync(self.file.fileno())
        os.replace(self._path, self._target)
        self.file.close()

    def discard(self) -> None:
        """Remove it, unless it is finished."""
        with contextlib.suppress(OSError):  # what could not be written before cannot be now
            self.file.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)


def _remove_abandoned(folder: str, beginning: str) -> None:
    if sys.platform == "win32":  # there it stays
        return
    for name in os.listdir(folder):
        if not name.startswith(beginning) or not name.endswith(ENDING):
            continue
        with contextlib.suppress(OSError), open(os.path.join(folder, name), "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # an error if its process lives
            os.unlink(os.path.join(folder, name))
