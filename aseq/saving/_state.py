"""States in a file: trees of dicts, lists, JSON values and arrays, as an `.npz` without pickle."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.errors import FormatError
from aseq.saving._archive import read_arrays, write_arrays
from aseq.saving._atomic import atomic_path

if TYPE_CHECKING:
    from pathlib import Path

    from aseq.types import Array

__all__ = ["read_state", "write_state"]

TREE, ARRAY = "tree", "$array"


def write_state(path: Path, state: Any) -> None:
    """Write a state, atomically.

    Raises:
        SourceError: The folder is missing, or may not be written to.
        OSError: The file cannot be written.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "state.npz"
        ...     write_state(path, {"epoch": 3, "slots": [np.ones(2)]})
        ...     read_state(path)
        {'epoch': 3, 'slots': [array([1., 1.])]}
    """
    arrays: list[Array] = []
    text = json.dumps(_without_arrays(state, arrays))
    named = {str(index): array for index, array in enumerate(arrays)}
    with atomic_path(path) as unfinished, unfinished.open("wb") as file:
        write_arrays(file, {TREE: np.frombuffer(text.encode(), np.uint8), **named})


def read_state(path: Path) -> Any:
    """Read what `write_state` wrote; tuples come back as lists.

    Raises:
        FormatError: It is not such a file, or it is damaged.
        OSError: The file cannot be read.
    """
    try:
        arrays = read_arrays(str(path), path.read_bytes())
        return _with_arrays(json.loads(arrays.pop(TREE).tobytes()), arrays)
    except (KeyError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(
            str(path), f"expected a state, found another or a damaged file ({error})."
        ) from None


def _without_arrays(tree: Any, arrays: list[Array]) -> Any:
    if isinstance(tree, np.ndarray):
        arrays.append(tree)
        return {ARRAY: len(arrays) - 1}
    if isinstance(tree, dict):
        return {key: _without_arrays(value, arrays) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_without_arrays(value, arrays) for value in tree]
    return tree.item() if isinstance(tree, np.generic) else tree


def _with_arrays(tree: Any, arrays: dict[str, Array]) -> Any:
    if isinstance(tree, dict):
        if tree.keys() == {ARRAY}:
            return arrays[str(tree[ARRAY])]
        return {key: _with_arrays(value, arrays) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_with_arrays(value, arrays) for value in tree]
    return tree
