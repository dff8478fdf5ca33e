"""The `.aseq` file: an uncompressed zip of `model.json` (configs) and `weights.npz` (arrays).

Nothing in it is run on reading: no pickle, and no compression that could blow a small file up.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING

from aseq._version import __version__
from aseq.errors import ConfigError, FormatError
from aseq.saving._archive import member, opened, read_arrays, write_arrays
from aseq.saving._artifacts import ModelArtifacts
from aseq.saving._atomic import atomic_path

if TYPE_CHECKING:
    from pathlib import Path

    from aseq.types import Config

__all__ = ["read", "write"]

VERSION = 1
MAX_JSON_BYTES = 64 << 20
WEIGHT, SLOT = "weights", "optimizer"


def write(path: Path, artifacts: ModelArtifacts) -> None:
    """Write `artifacts` to `path`, atomically.

    Raises:
        ConfigError: A config holds something that JSON has no word for.
        SourceError: The folder is missing, or may not be written to.
        OSError: The file cannot be written.
    """
    optimizer = dict(artifacts.optimizer or {})
    slots = optimizer.pop("slots", {})
    names = [name for name, _ in artifacts.weights]
    description = {
        "format": "aseq",
        "version": VERSION,
        "aseq_version": __version__,
        "model": artifacts.model,
        "weights": names,
        "compile": artifacts.compile,
        "optimizer": optimizer if artifacts.optimizer is not None else None,
        "metadata": artifacts.metadata,
    }
    arrays = {_key(index, name): array for index, (name, array) in enumerate(artifacts.weights)}
    arrays |= {f"{SLOT}/{name}": array for name, array in slots.items()}
    packed = io.BytesIO()
    write_arrays(packed, arrays)
    text = _json(path, description)
    with atomic_path(path) as unfinished, zipfile.ZipFile(unfinished, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("model.json", text)
        archive.writestr("weights.npz", packed.getbuffer())


def read(path: Path) -> ModelArtifacts:
    """Read what `write` wrote.

    Raises:
        FormatError: It is not such a file, or it is damaged.
        OSError: The file cannot be read.
    """
    name = str(path)
    with opened(name, path) as archive:
        description = _description(name, member(name, archive, "model.json", MAX_JSON_BYTES))
        arrays = read_arrays(name, member(name, archive, "weights.npz"))
    try:
        weights = [
            (weight, arrays.pop(_key(index, weight))) for index, weight in enumerate(description["weights"])
        ]
    except KeyError as error:
        raise FormatError(name, f"expected an array for every weight, found none for {error}.") from None
    optimizer: Config | None = description["optimizer"]
    if optimizer is not None:
        slots = {key.removeprefix(f"{SLOT}/"): array for key, array in arrays.items() if key.startswith(SLOT)}
        optimizer["slots"] = slots
    return ModelArtifacts(
        description["model"], weights, description["compile"], optimizer, description["metadata"]
    )


def _key(index: int, name: str) -> str:
    return f"{WEIGHT}/{index}/{name}"


def _json(path: Path, description: Config) -> str:
    try:
        return json.dumps(description, indent=1)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"save: {path}: expected configs and metadata of plain JSON values, received others ({error}). "
            f"Functions cannot be saved; include_optimizer=False leaves the arguments of compile out."
        ) from None


def _description(name: str, text: bytes) -> Config:
    try:
        description = json.loads(text)
    except ValueError as error:
        raise FormatError(name, f"expected JSON in 'model.json', found something else ({error}).") from None
    expected = {"model": dict, "weights": list, "metadata": dict}
    optional = {"compile": dict, "optimizer": dict}
    if not isinstance(description, dict) or description.get("format") != "aseq":
        raise FormatError(name, "expected an .aseq file, found a zip of another kind.")
    if description.get("version") != VERSION:
        raise FormatError(
            name,
            f"expected format version {VERSION}, found {description.get('version')!r}. Use a newer aseq.",
        )
    for key, kind in (expected | optional).items():
        value = description.setdefault(key, None)
        if not isinstance(value, kind) and not (value is None and key in optional):
            raise FormatError(
                name, f"expected {key!r} in 'model.json' to be a {kind.__name__}, found {value!r}."
            )
    return description
