"""Weights alone in a `.weights.npz` file: NumPy's own archive of arrays, in Keras's order, no pickle."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from aseq.errors import ConfigError, FormatError
from aseq.saving._archive import read_arrays, write_arrays
from aseq.saving._atomic import atomic_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from aseq.types import Array

__all__ = ["check_weights_path", "read_weights", "write_weights"]

ENDING = ".weights.npz"


def check_weights_path(path: str | os.PathLike[str]) -> None:
    """Refuse a path whose ending is not that of a weights file.

    Raises:
        ConfigError: It does not end in ".weights.npz".

    Examples:
        >>> check_weights_path("digits.weights.npz")
    """
    if not os.fspath(path).endswith(ENDING):
        raise ConfigError(f"{os.fspath(path)}: expected a path for weights that ends in {ENDING}.")


def write_weights(path: Path, weights: Sequence[tuple[str, Array]]) -> None:
    """Write names such as "dense/kernel" and their arrays, atomically.

    Raises:
        SourceError: The folder is missing, or may not be written to.
        OSError: The file cannot be written.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "model.weights.npz"
        ...     write_weights(path, [("dense/kernel", np.ones((2, 1)))])
        ...     [(name, array.shape) for name, array in read_weights(path)]
        [('dense/kernel', (2, 1))]
    """
    arrays = {f"{index}/{name}": array for index, (name, array) in enumerate(weights)}
    with atomic_path(path) as unfinished, unfinished.open("wb") as file:
        write_arrays(file, arrays)


def read_weights(path: Path) -> list[tuple[str, Array]]:
    """Read what `write_weights` wrote.

    Raises:
        FormatError: It is not such a file, or it is damaged.
        OSError: The file cannot be read.
    """
    arrays = read_arrays(str(path), path.read_bytes())
    weights = []
    for number, (key, array) in enumerate(arrays.items()):
        index, _, name = key.partition("/")
        if index != str(number):
            raise FormatError(
                str(path), f"expected weight {number}, found {key!r}. It is no weights file of aseq."
            )
        weights.append((name, array))
    return weights
