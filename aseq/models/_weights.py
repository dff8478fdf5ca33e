"""The doors between a model's weights and `.weights.npz` files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aseq.compute import Lane
from aseq.errors import FormatError, SourceError
from aseq.models._doors import Doors
from aseq.saving import check_weights_path, read_weights, write_weights

if TYPE_CHECKING:
    import os

    from aseq.types import Array

__all__ = ["WeightDoors"]

FILES = Lane("weight files", 2)


class WeightDoors(Doors):
    """save_weights and load_weights."""

    async def save_weights(self, path: str | os.PathLike[str]) -> None:
        """Write all weights, as they stand after a whole step, to a file that appears at once or not at all.

        Args:
            path: Ends in ".weights.npz".

        Raises:
            ConfigError: The path ends in something else.
            NotBuiltError: There are no weights yet.
            SourceError: The folder of the file is missing, or may not be written to.

        Examples:
            >>> import asyncio, tempfile, aseq
            >>> async def copy(source, target, path):
            ...     await source.save_weights(path)
            ...     await target.load_weights(path)
            >>> one, two = (aseq.Sequential([aseq.layers.Input((2,)), aseq.layers.Dense(1)]) for _ in "ab")
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     asyncio.run(copy(one, two, f"{folder}/dense.weights.npz"))
            >>> bool((one.get_weights()[0] == two.get_weights()[0]).all())
            True
        """
        check_weights_path(path)
        named = await self._call(self._named_weights)
        await FILES.run(write_weights, Path(path), named)

    async def load_weights(self, path: str | os.PathLike[str]) -> None:
        """Set all weights from a file, between two steps if a fit is running.

        Args:
            path: Of `save_weights`.

        Raises:
            ConfigError: The path ends in something else.
            SourceError: There is no such file.
            FormatError: It is damaged, or holds the weights of another model; then none is changed.
        """
        check_weights_path(path)
        try:
            found = await FILES.run(read_weights, Path(path))
        except OSError as error:
            raise SourceError(str(path), f"expected a weights file, {error.strerror or error}.") from None
        await self._call(lambda: self._set_named_weights(str(path), found))

    def _named_weights(self) -> list[tuple[str, Array]]:
        """Copies of all weights with names such as "dense/kernel", in Keras's order."""
        layers = self.network.layers
        return [
            (f"{layer.name}/{weight.name}", weight.value.copy())
            for layer in layers
            for weight in layer.weights
        ]

    def _set_named_weights(self, path: str, found: list[tuple[str, Array]]) -> None:
        weights = self.network.weights
        if len(found) != len(weights):
            raise FormatError(path, f"expected {len(weights)} weights, found {len(found)}.")
        for weight, (name, array) in zip(weights, found, strict=True):
            if weight.shape != array.shape:
                raise FormatError(path, f"expected {name} of shape {weight.shape}, found {array.shape}.")
        self.network.set_weights([array for _, array in found])
