"""Blocks in an Arrow IPC file: record batches of their rows, the shapes of elements in their metadata.

Rows are stored as rows. Batches are stored as their rows, with their lengths beside them. Arrays of more
than one axis become lists of a fixed size. Where Python's own numbers stood, they come back. The last record
batch has no rows: it says what else is to be kept.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from aseq.data._block import Block, Columns, Items, join, leaves, stack, transform
from aseq.data._unfinished import Unfinished
from aseq.errors import DataError, FormatError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["BlockReader", "BlockWriter"]

NO_ROWS = Columns((), 0)
WAY_OUT = "Bring the elements to one structure of arrays with map(), or use cache() without a path."


class BlockWriter:
    """Writes blocks into a file that appears under its name when `finish` is called.

    Args:
        path: The file. Its directory has to exist when the first block is written.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._unfinished: Unfinished | None = None
        self._writer: Any = None
        self._schema: Any = None
        self._form: str | None = None
        self._elements = 0

    def write(self, blocks: Sequence[Block]) -> None:
        """Append blocks, those of one kind together.

        Raises:
            DataError: If elements are not arrays, or change their structure.
            SourceError: If there is no place for them.
        """
        stored = [self._checked(_as_rows(block)) for block in blocks]
        self._elements += sum(map(len, blocks))
        for (batches, plain), run in itertools.groupby(stored, _Stored.kind):
            alike = list(run)
            rows = join([each.rows for each in alike])
            assert isinstance(rows, Columns)
            lengths = [length for each in alike for length in each.lengths or ()] if batches else None
            about = {"lengths": lengths, "plain": plain, "form": self._form}
            self._append(_record_batch(rows), rows, about)

    def finish(self, beside: Any) -> None:
        """Put the file in its place.

        Args:
            beside: What is to be kept beside the blocks, as plain JSON.

        Raises:
            SourceError: If there is no place for it.
        """
        if self._unfinished is None:
            self._begin(NO_ROWS, json.dumps(None))
        assert self._unfinished is not None
        self._append(_empty(self._schema), NO_ROWS, {"elements": self._elements, "beside": beside})
        with _placing(self.path):
            self._writer.close()
            self._unfinished.finish()

    def discard(self) -> None:
        """Remove what was written, unless it is finished."""
        if self._unfinished is not None:
            self._unfinished.discard()

    def _checked(self, stored: _Stored) -> _Stored:
        form = json.dumps(_form(stored.rows.data))
        if self._form is None:
            self._begin(stored.rows, form)
        if form != self._form:
            raise DataError(f"cache: expected elements like the first, received {form}. {WAY_OUT}")
        return stored

    def _begin(self, rows: Columns, form: str) -> None:
        import pyarrow as pa

        self._schema = _record_batch(rows).schema
        with _placing(self.path):
            self._unfinished = Unfinished(self.path)
            self._writer = pa.ipc.new_file(self._unfinished.file, self._schema)
        self._form = form

    def _append(self, batch: Any, rows: Columns, about: dict[str, Any]) -> None:
        metadata = {"aseq": json.dumps({**about, "checksum": _checksum(rows, about)})}
        with _placing(self.path):
            self._writer.write_batch(batch, custom_metadata=metadata)


@contextlib.contextmanager
def _placing(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        folder, problem = os.path.dirname(os.path.abspath(path)), error.strerror or error
        raise SourceError(
            path,
            f"expected a folder to write it into, received {problem} for {folder!r}. "
            "Create the folder or make room, or choose another.",
        ) from error


class BlockReader:
    """Reads the blocks of a file back, one by one; their arrays cannot be written to.

    Args:
        path: What a `BlockWriter` wrote.

    Attributes:
        elements: How many there are.
        beside: What was kept beside the blocks.

    Raises:
        FormatError: If it is another kind of file.
    """

    def __init__(self, path: str) -> None:
        import pyarrow as pa

        self._path = path
        self._file: Any = None
        try:
            with _damage(path):
                self._file = pa.OSFile(path)
                self._reader = pa.ipc.open_file(self._file)
                self._last = self._reader.num_record_batches - 1
                _, about = self._get(self._last)
                _verify(NO_ROWS, about)
                self.elements, self.beside = about["elements"], about["beside"]
        except BaseException:
            self.close()
            raise
        self._next = 0

    @classmethod
    def open(cls, path: str) -> BlockReader | None:
        """Open a file; None if there is none."""
        try:
            return cls(path)
        except FileNotFoundError:
            return None

    def read(self) -> list[Block]:
        """The next block, in a list; an empty list at the end.

        Raises:
            FormatError: If the file is damaged.
        """
        if self._next == self._last:
            return []
        with _damage(self._path):
            batch, about = self._get(self._next)
            rows = Columns(_restored(json.loads(about["form"]), iter(batch.columns)), batch.num_rows)
            _verify(rows, about)
            self._next += 1
            if about["plain"]:
                return [_with_plain(rows, about["plain"])]
            return [rows if about["lengths"] is None else _cut(rows, about["lengths"])]

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _get(self, number: int) -> tuple[Any, Any]:
        batch, metadata = self._reader.get_batch_with_custom_metadata(number)
        batch.validate(full=True)  # offsets that point elsewhere would take the process down
        if metadata is None:
            raise ValueError("no blocks")
        return batch, json.loads(metadata[b"aseq"])


@contextlib.contextmanager
def _damage(path: str) -> Iterator[None]:
    """Whatever a damaged file makes pyarrow and others raise."""
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise SourceError(
                path, f"expected a file that can be read, received {error.strerror}. Look at its permissions."
            ) from error
        raise FormatError(
            path, f"expected a file that cache() wrote, received another ({error}). Delete or rename it."
        ) from error


class _Stored(NamedTuple):
    """A block as rows.

    Attributes:
        rows: All rows.
        lengths: Those of the batches, if the elements are batches.
        plain: For every array whether it stands for Python's own numbers; empty if none does.
    """

    rows: Columns
    lengths: list[int] | None = None
    plain: tuple[bool, ...] = ()

    def kind(self) -> tuple[bool, tuple[bool, ...]]:
        """Blocks of one kind can be written as one."""
        return self.lengths is not None, self.plain


def _as_rows(block: Block) -> _Stored:
    if isinstance(block, Columns):
        return _Stored(block)
    lengths = [_length(item) for item in block.items]
    if None not in lengths:
        batches = [Columns(item, length) for item, length in zip(block.items, lengths, strict=True) if length]
        rows = join(batches or [Columns(block.items[0], 0)])
        if isinstance(rows, Columns):
            return _Stored(rows, [length or 0 for length in lengths])
    plain = tuple([type(leaf) in (bool, int, float) for leaf in leaves(block.items[0])])
    if not plain:
        raise DataError(f"cache: expected arrays, received elements without any. {WAY_OUT}")
    rows = Columns(stack([transform(item, _exact) for item in block.items], "cache"), len(block))
    return _Stored(rows, plain=plain if any(plain) else ())


def _exact(leaf: Any) -> Any:
    """A Python float at its own precision, which `stack` would not keep."""
    return np.float64(leaf) if type(leaf) is float else leaf


def _with_plain(rows: Columns, plain: list[bool]) -> Items:
    """Rows with Python's own numbers where they were."""
    flags = iter(plain)

    def back(array: np.ndarray) -> np.ndarray:
        return np.array(array.tolist(), object) if next(flags) else array

    return Items(Columns(transform(rows.data, back), len(rows)).elements())


def _checksum(rows: Columns, about: dict[str, Any]) -> int:
    """Of all values, arrays of texts by their texts, and of what is said about them."""
    total = zlib.crc32(json.dumps(about).encode())
    for array in leaves(rows.data):
        content = array.tobytes() if array.dtype.kind != "O" else "\0".join(map(str, array.flat)).encode()
        total = zlib.crc32(content, total)
    return total


def _verify(rows: Columns, about: dict[str, Any]) -> None:
    if about.pop("checksum") != _checksum(rows, about):
        raise ValueError("other content than was written")


def _empty(schema: Any) -> Any:
    import pyarrow as pa

    return pa.RecordBatch.from_pylist([], schema=schema)


def _length(element: Any) -> int | None:
    """The common first axis of all arrays of an element, if they have one."""
    lengths = {len(leaf) if isinstance(leaf, np.ndarray) and leaf.ndim else None for leaf in leaves(element)}
    return lengths.pop() if len(lengths) == 1 else None


def _cut(rows: Columns, lengths: list[int]) -> Items:
    ends = np.cumsum(lengths).tolist()
    return Items([rows.slice(end - length, end).data for end, length in zip(ends, lengths, strict=True)])


def _form(structure: Any) -> Any:
    """The structure with dtype and shape of a row in place of each array, as plain JSON."""
    if isinstance(structure, dict):
        if not all(isinstance(key, str) for key in structure):
            raise DataError(f"cache: expected texts as keys, received {list(structure)}. {WAY_OUT}")
        return {"dict": {key: _form(part) for key, part in structure.items()}}
    if isinstance(structure, tuple):
        return {"tuple": [_form(part) for part in structure]}
    return {"dtype": structure.dtype.str, "shape": structure.shape[1:]}


def _restored(form: Any, columns: Any) -> Any:
    if form is None:
        return ()
    if "dict" in form:
        return {key: _restored(part, columns) for key, part in form["dict"].items()}
    if "tuple" in form:
        return tuple([_restored(part, columns) for part in form["tuple"]])
    return _from_arrow(next(columns), np.dtype(form["dtype"]), form["shape"])


def _record_batch(rows: Columns) -> Any:
    import pyarrow as pa

    arrays = list(leaves(transform(rows.data, _to_arrow)))
    return pa.record_batch(arrays, names=[str(place) for place in range(len(arrays))])


def _to_arrow(array: np.ndarray) -> Any:
    import pyarrow as pa

    flat = np.ascontiguousarray(array).reshape(-1)
    try:
        if array.dtype.kind == "O":
            if not all(isinstance(text, str) or text != text for text in flat.tolist()):  # NaN is missing
                raise DataError(f"cache: expected numbers or texts, received other objects. {WAY_OUT}")
            values = pa.array(flat, pa.string(), from_pandas=True)
        else:
            values = pa.array(flat)
    except (pa.ArrowException, UnicodeEncodeError) as error:
        raise DataError(
            f"cache: expected numbers or texts, received {array.dtype}: {error}. {WAY_OUT}"
        ) from error
    size = math.prod(array.shape[1:])
    if size == 0:
        return pa.nulls(len(array))
    return values if array.ndim == 1 else pa.FixedSizeListArray.from_arrays(values, size)


def _from_arrow(array: Any, dtype: np.dtype[Any], shape: list[int]) -> np.ndarray:
    rows = len(array)
    if 0 in shape:
        return np.empty((rows, *shape), dtype)
    values = (array.values if shape else array).to_numpy(zero_copy_only=False)
    if dtype.kind == "O":
        values = np.array([np.nan if text is None else text for text in values.tolist()], object)
    result: np.ndarray = values.astype(dtype, copy=False).reshape(rows, *shape)
    result.flags.writeable = False
    return result
