"""Codecs between `ModelArtifacts`, a plain description of a model, and files.

Synchronous; the async doors are in `aseq.models`.
"""

from __future__ import annotations

from aseq.saving._artifacts import ModelArtifacts
from aseq.saving._atomic import atomic_path, check_folder
from aseq.saving._codecs import Codec, codec_for
from aseq.saving._state import read_state, write_state
from aseq.saving._weights import check_weights_path, read_weights, write_weights

__all__ = [
    "Codec",
    "ModelArtifacts",
    "atomic_path",
    "check_folder",
    "check_weights_path",
    "codec_for",
    "read_state",
    "read_weights",
    "write_state",
    "write_weights",
]
