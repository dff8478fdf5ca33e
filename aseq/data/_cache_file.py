"""Blocks in an Arrow IPC file: a record batch for each, the shapes of elements in the schema.

Rows are stored as rows. Batches are stored as their rows, with their lengths beside them. Arrays of more
than one axis become lists of a fixed size.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.data._block import Block, Columns, Items, join, leaves, stack, transform
from aseq.errors import DataError, FormatError, SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BlockReader", "BlockWriter"]

WAY_OUT = "Bring the elements to one structure of arrays with map(), or use cache() without a path."


class BlockWriter:
    """Writes blocks into a file that appears under its name when `finish` is called.

    Args:
        path: The file. Its directory has to exist when the first block is written.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._temporary: str | None = None
        self._file: Any = None
        self._writer: Any = None
        self._form: str | None = None

    def write(self, blocks: Sequence[Block]) -> None:
        """Append blocks.

        Raises:
            DataError: If elements are not arrays, or change their structure.
        """
        for block in blocks:
            rows, lengths = _as_rows(block)
            form = json.dumps(_form(rows.data))
            if self._form is None:
                self._begin(rows, form)
            if form != self._form:
                raise DataError(f"cache: expected elements like the first, received {form}. {WAY_OUT}")
            metadata = {"lengths": json.dumps(lengths)}
            self._writer.write_batch(_record_batch(rows), custom_metadata=metadata)

    def finish(self) -> None:
        """Put the file in its place."""
        if self._temporary is None:
            self._begin(Columns((), 0), json.dumps(None))
        assert self._temporary is not None
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._temporary, self.path)
        self._temporary = None

    def discard(self) -> None:
        """Remove what was written, unless it is finished."""
        if self._temporary is None:
            return
        self._file.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._temporary)
        self._temporary = None

    def _begin(self, rows: Columns, form: str) -> None:
        import tempfile

        import pyarrow as pa

        folder, name = os.path.split(os.path.abspath(self.path))
        try:
            descriptor, self._temporary = tempfile.mkstemp(suffix=".partial", prefix=f".{name}.", dir=folder)
        except OSError as error:
            problem = f"expected a folder to write it into, received {error.strerror} for {folder!r}."
            raise SourceError(self.path, f"{problem} Create the folder, or choose another.") from error
        self._file = os.fdopen(descriptor, "wb")
        schema = _record_batch(rows).schema.with_metadata({"aseq": form})
        self._writer = pa.ipc.new_file(self._file, schema)
        self._form = form


class BlockReader:
    """Reads the blocks of a file back, one by one; their arrays cannot be written to.

    Args:
        path: What a `BlockWriter` wrote.

    Raises:
        FormatError: If it is another kind of file.
    """

    def __init__(self, path: str) -> None:
        import pyarrow as pa

        self._file = pa.OSFile(path)
        try:
            self._reader = pa.ipc.open_file(self._file)
            self._form = json.loads(self._reader.schema.metadata[b"aseq"])
        except (pa.ArrowException, KeyError, TypeError, ValueError) as error:
            self._file.close()
            raise FormatError(
                path, f"expected a file that cache() wrote, received another ({error}). Delete or rename it."
            ) from error
        self._next = 0

    def read(self) -> list[Block]:
        """The next block, in a list; an empty list at the end."""
        if self._next == self._reader.num_record_batches:
            return []
        batch, metadata = self._reader.get_batch_with_custom_metadata(self._next)
        self._next += 1
        columns = iter(batch.columns)
        rows = Columns(_restored(self._form, columns), batch.num_rows)
        lengths = json.loads(metadata[b"lengths"])
        return [rows if lengths is None else _cut(rows, lengths)]

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _as_rows(block: Block) -> tuple[Columns, list[int] | None]:
    """A block as rows, with the lengths of its batches if its elements are batches."""
    if isinstance(block, Columns):
        return block, None
    lengths = [_length(item) for item in block.items]
    if None not in lengths:
        batches = [Columns(item, length) for item, length in zip(block.items, lengths, strict=True) if length]
        rows = join(batches) if batches else None
        if isinstance(rows, Columns):
            return rows, [length or 0 for length in lengths]
    return Columns(stack(block.items, "cache"), len(block)), None


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
    except pa.ArrowException as error:
        raise DataError(f"cache: expected numbers or texts, received {array.dtype}. {WAY_OUT}") from error
    size = math.prod(array.shape[1:])
    return values if array.ndim == 1 else pa.FixedSizeListArray.from_arrays(values, size)


def _from_arrow(array: Any, dtype: np.dtype[Any], shape: list[int]) -> np.ndarray:
    rows = len(array)
    values = (array.values if shape else array).to_numpy(zero_copy_only=False)
    if dtype.kind == "O":
        values = np.array([np.nan if text is None else text for text in values.tolist()], object)
    result: np.ndarray = values.astype(dtype, copy=False).reshape(rows, *shape)
    result.flags.writeable = False
    return result
