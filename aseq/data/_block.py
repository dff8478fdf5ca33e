"""Runs of elements, as they travel between stages: stacked in arrays, or as a plain list.

A block stands for n elements in order. `Columns` holds them as arrays with a leading axis of n
(rows of a CSV file), `Items` holds them as they are (batches, or whatever a user's generator gives).
Stages slice, gather and join blocks without looking at single rows.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from aseq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = [
    "Block",
    "Columns",
    "Element",
    "Items",
    "alike",
    "as_array",
    "join",
    "leaves",
    "nbytes",
    "stack",
    "together",
    "transform",
]

OBJECT_BYTES = 64  # a short text; to look at each would take longer than to keep it

Element: TypeAlias = Any
"""One element of a dataset: an array, a scalar, a text, or a tuple or dict of elements."""

Structure: TypeAlias = Any
"""An array, or a tuple or dict of structures."""


class Columns:
    """Elements stacked into arrays.

    Args:
        data: An array of shape (n, ...), or a tuple or dict of such structures.
        length: The number of elements, n.

    Examples:
        >>> block = Columns((np.ones((3, 2)), np.arange(3)), 3)
        >>> block.slice(1, 3).elements()
        [(array([1., 1.]), np.int64(1)), (array([1., 1.]), np.int64(2))]
    """

    __slots__ = ("data", "length")

    def __init__(self, data: Structure, length: int) -> None:
        self.data = data
        self.length = length

    def __len__(self) -> int:
        return self.length

    def slice(self, start: int, stop: int) -> Columns:
        """Elements start to stop, as views."""
        stop = min(stop, self.length)
        return Columns(transform(self.data, lambda array: array[start:stop]), max(stop - start, 0))

    def runs(self, start: int, stop: int, size: int) -> list[Structure]:
        """The data of consecutive runs of `size` elements from start on, as views."""
        return _runs(self.data, range(start, stop, size), size)

    def gather(self, indices: np.ndarray) -> Columns:
        """The elements at `indices` (integers), copied."""
        return Columns(transform(self.data, lambda array: array.take(indices, axis=0)), len(indices))

    def elements(self) -> list[Element]:
        """The elements one by one."""
        return _unstack(self.data, self.length)


class Items:
    """Elements as they are.

    Examples:
        >>> Items(["a", "b", "c"]).slice(1, 3).elements()
        ['b', 'c']
    """

    __slots__ = ("items",)

    def __init__(self, items: list[Element]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def slice(self, start: int, stop: int) -> Items:
        """Elements start to stop."""
        return Items(self.items[start:stop])

    def gather(self, indices: np.ndarray) -> Items:
        """The elements at `indices` (integers)."""
        items = self.items
        return Items([items[index] for index in indices.tolist()])

    def elements(self) -> list[Element]:
        """The elements one by one."""
        return self.items


Block: TypeAlias = Columns | Items


def transform(structure: Structure, function: Callable[[Any], Any]) -> Structure:
    """Apply `function` to every leaf and keep the structure.

    Examples:
        >>> transform({"a": 1, "b": (2, 3)}, lambda leaf: leaf * 10)
        {'a': 10, 'b': (20, 30)}
    """
    if isinstance(structure, tuple):
        return tuple([transform(part, function) for part in structure])
    if isinstance(structure, dict):
        return {key: transform(part, function) for key, part in structure.items()}
    return function(structure)


def leaves(structure: Structure) -> Iterator[Any]:
    """Every leaf, in order.

    Examples:
        >>> list(leaves({"a": 1, "b": (2, 3)}))
        [1, 2, 3]
    """
    if isinstance(structure, tuple):
        for part in structure:
            yield from leaves(part)
    elif isinstance(structure, dict):
        for part in structure.values():
            yield from leaves(part)
    else:
        yield structure


def nbytes(block: Block) -> int:
    """About the bytes that the elements of a block take, for limits on buffers."""
    parts = block.data if isinstance(block, Columns) else tuple(block.items)
    return sum(map(_leaf_bytes, leaves(parts)))


def _leaf_bytes(leaf: Any) -> int:
    if not isinstance(leaf, np.ndarray):
        return sys.getsizeof(leaf)
    return leaf.nbytes + (OBJECT_BYTES * leaf.size if leaf.dtype == object else 0)


def join(blocks: Sequence[Block]) -> Block:
    """Make one block of several: stacked if all are stacked alike, else a list.

    Examples:
        >>> join([Columns(np.arange(2), 2), Columns(np.arange(1), 1)]).data
        array([0, 1, 0])
    """
    if len(blocks) == 1:
        return blocks[0]
    stacked = [block for block in blocks if isinstance(block, Columns)]
    if len(stacked) == len(blocks) and alike(*stacked):
        data = together([block.data for block in stacked], np.concatenate, "join")
        return Columns(data, sum(map(len, blocks)))
    return Items([element for block in blocks for element in block.elements()])


def stack(elements: Sequence[Element], where: str) -> Structure:
    """Stack elements along a new first axis; Python floats become float32.

    Args:
        elements: At least one element, all of one structure and shape.
        where: Who asks, for the message.

    Raises:
        DataError: If structures or shapes differ.

    Examples:
        >>> stack([{"a": 1.0}, {"a": 2.0}], "batch")
        {'a': array([1., 2.], dtype=float32)}
    """
    return together(elements, lambda parts: _stack_leaf(parts, where), where)


def _stack_leaf(parts: Sequence[Any], where: str) -> np.ndarray:
    if any(isinstance(part, str | bytes | None) for part in parts):
        return _objects(parts)
    arrays = [as_array(part, where) for part in parts]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        found = " and ".join(str(shape) for shape in sorted(shapes)[:2])
        raise DataError(
            f"{where}: expected elements of one shape, received {found}. "
            "Bring them to one shape with map(), or drop them with filter()."
        )
    stacked = np.stack(arrays)
    double = {type(part) is float for part, array in zip(parts, arrays, strict=True) if array.dtype == float}
    return stacked.astype(np.float32) if stacked.dtype == float and double == {True} else stacked


def as_array(part: Any, where: str) -> np.ndarray:
    """A leaf as an array.

    Raises:
        DataError: If it is a list of lists of several lengths; `where` begins the message.
    """
    try:
        return np.asarray(part)
    except ValueError as error:
        raise DataError(
            f"{where}: expected arrays, or lists of lists of one length, received lists of several lengths. "
            "Pad them with map(), or drop them with filter()."
        ) from error


def _objects(parts: Sequence[Any]) -> np.ndarray:
    array = np.empty(len(parts), object)
    array[:] = parts
    return array


def together(structures: Sequence[Structure], function: Callable[[Any], Any], where: str) -> Structure:
    """Apply `function` to each list of corresponding leaves of structures that are alike.

    Raises:
        DataError: If the structures differ; `where` begins the message.

    Examples:
        >>> together([(1, 2), (3, 4)], sum, "example")
        (4, 6)
    """
    first = structures[0]
    if not isinstance(first, tuple | dict):
        if any(isinstance(other, tuple | dict) for other in structures):
            raise _unlike(structures, where)
        return function(structures)
    if not all(_same_branch(first, other) for other in structures):
        raise _unlike(structures, where)
    if isinstance(first, dict):
        return {key: together([each[key] for each in structures], function, where) for key in first}
    return tuple([together(parts, function, where) for parts in zip(*structures, strict=True)])


def _same_branch(a: Structure, b: Structure) -> bool:
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys()
    return isinstance(b, tuple) and len(a) == len(b)


def _unlike(structures: Sequence[Structure], where: str) -> DataError:
    shapes = sorted({_sketch(structure) for structure in structures})
    return DataError(
        f"{where}: expected elements of one structure, received {' and '.join(shapes[:2])}. "
        "Bring them to one structure with map()."
    )


def _sketch(structure: Structure) -> str:
    if isinstance(structure, dict):
        return "{" + ", ".join(f"{key}: {_sketch(part)}" for key, part in structure.items()) + "}"
    if isinstance(structure, tuple):
        return "(" + ", ".join(map(_sketch, structure)) + ")"
    return "array" if isinstance(structure, np.ndarray) else "scalar"


def alike(*blocks: Columns) -> bool:
    """True if rows can move between blocks: same structure, shapes after the first axis, and dtypes.

    Examples:
        >>> alike(Columns(np.ones(3), 3), Columns(np.ones(2), 2))
        True
    """
    try:
        together([block.data for block in blocks], _same_rows, "join")
    except DataError:
        return False
    return True


def _same_rows(arrays: Sequence[np.ndarray]) -> None:
    first = arrays[0]
    if any(other.shape[1:] != first.shape[1:] or other.dtype != first.dtype for other in arrays):
        raise DataError("rows differ in shape or dtype")


def _runs(structure: Structure, starts: range, size: int) -> list[Structure]:
    if isinstance(structure, dict):
        keys = list(structure)
        parts = zip(*[_runs(part, starts, size) for part in structure.values()], strict=True)
        return [dict(zip(keys, part, strict=True)) for part in parts]
    if isinstance(structure, tuple):
        return list(zip(*[_runs(part, starts, size) for part in structure], strict=True))
    return [structure[start : start + size] for start in starts]


def _unstack(structure: Structure, length: int) -> list[Element]:
    if isinstance(structure, dict):
        if not structure:
            return [{} for _ in range(length)]
        keys = list(structure)
        rows = zip(*[_unstack(part, length) for part in structure.values()], strict=True)
        return [dict(zip(keys, row, strict=True)) for row in rows]
    if isinstance(structure, tuple):
        return list(zip(*[_unstack(part, length) for part in structure], strict=True))
    return list(structure)
