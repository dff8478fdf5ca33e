"""Which codec a path means. A new format is a module with `write` and `read` and a line here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from aseq.errors import ConfigError
from aseq.saving import _native

if TYPE_CHECKING:
    from pathlib import Path

    from aseq.saving._artifacts import ModelArtifacts

__all__ = ["Codec", "codec_for"]


class Codec(Protocol):
    """Two functions between artifacts and one file format."""

    def write(self, path: Path, artifacts: ModelArtifacts) -> None:
        """Write atomically: the file is whole or as it was before."""

    def read(self, path: Path) -> ModelArtifacts:
        """Read.

        Raises:
            FormatError: It is not such a file, or it is damaged.
        """
        ...


def codec_for(path: str | os.PathLike[str]) -> Codec:
    """The codec that a path's ending means.

    Raises:
        ConfigError: No codec has this ending.

    Examples:
        >>> codec_for("digits.aseq").write.__name__
        'write'
    """
    name = os.fspath(path)
    if name.endswith(".aseq"):
        return _native
    if name.endswith((".keras", ".json", ".h5", os.sep)) or "." not in os.path.basename(name):
        raise ConfigError(
            f"{name}: expected a path that ends in .aseq. Keras files (.keras, .h5) and tf.js models "
            f"(a directory or model.json) are not supported in this version."
        )
    raise ConfigError(f"{name}: expected a path that ends in .aseq, received {os.path.basename(name)!r}.")
