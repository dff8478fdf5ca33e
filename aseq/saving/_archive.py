"""Zip archives and NumPy's arrays in them, read with every size checked before memory is taken for it.

Entries have to be stored uncompressed, so that no file is larger inside than outside; there is no pickle.
"""

from __future__ import annotations

import io
import zipfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy

from aseq.errors import FormatError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from aseq.types import Array

__all__ = ["member", "opened", "read_arrays", "write_arrays"]

MAX_ARRAYS = 100_000


@contextmanager
def opened(name: str, file: str | os.PathLike[str] | IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """The archive in `file`.

    Args:
        name: Of the file, for errors.
        file: Path or open file.

    Raises:
        FormatError: It is no archive, or damaged: also if that shows only in the block.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except (zipfile.BadZipFile, EOFError, RuntimeError) as error:
        raise FormatError(name, f"expected another kind of file, or this one is damaged ({error}).") from None


def member(name: str, archive: zipfile.ZipFile, entry: str, limit: int | None = None) -> bytes:
    """The content of one entry.

    Args:
        name: Of the file, for errors.
        archive: It.
        entry: Name of the entry.
        limit: Bytes that it may have.

    Raises:
        FormatError: It is not there, compressed or too long.
    """
    try:
        info = archive.getinfo(entry)
    except KeyError:
        raise FormatError(name, f"expected a file with {entry!r} in it, found none.") from None
    if info.compress_type != zipfile.ZIP_STORED:
        raise FormatError(name, f"expected {entry!r} to be stored uncompressed, found it compressed.")
    if limit is not None and info.file_size > limit:
        raise FormatError(name, f"expected {entry!r} of at most {limit} bytes, found {info.file_size}.")
    return archive.read(info)


def write_arrays(file: IO[bytes], arrays: Mapping[str, Array]) -> None:
    """Write arrays by name in NumPy's npz format."""
    np.savez(file, **arrays)  # type: ignore[arg-type]  # a typeshed quirk: allow_pickle stands before the arrays


def read_arrays(name: str, content: bytes) -> dict[str, Array]:
    """Read what `write_arrays` wrote, or any uncompressed npz of numbers.

    Args:
        name: Of the file, for errors.
        content: The npz.

    Raises:
        FormatError: It is not such a file, or damaged.

    Examples:
        >>> file = io.BytesIO()
        >>> write_arrays(file, {"a/b": np.arange(3)})
        >>> read_arrays("example", file.getvalue())
        {'a/b': array([0, 1, 2])}
    """
    with opened(name, io.BytesIO(content)) as archive:
        entries = archive.namelist()
        if len(entries) > MAX_ARRAYS:
            raise FormatError(name, f"expected at most {MAX_ARRAYS} arrays, found {len(entries)}.")
        return {
            entry.removesuffix(".npy"): _array(name, entry, member(name, archive, entry)) for entry in entries
        }


def _array(name: str, entry: str, content: bytes) -> Array:
    stream = io.BytesIO(content)
    try:
        version = npy.read_magic(stream)
        header: Any = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = header(stream)
    except ValueError as error:
        raise FormatError(name, f"expected {entry!r} to be an array, found another ({error}).") from None
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if dtype.kind not in "fiub" or size != len(content) - stream.tell():
        raise FormatError(name, f"expected {entry!r} to hold {shape} numbers, found {dtype} and other bytes.")
    flat = np.frombuffer(content, dtype, offset=stream.tell())
    return flat.reshape(shape, order="F" if fortran else "C").copy()
