"""From what a user names as the source of a dataset to the byte sources that it is read from."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from aseq.data._file import FileSource
from aseq.data._fsspec import FsspecSource
from aseq.data._source import Source
from aseq.data._web import WebSource
from aseq.errors import ConfigError, SourceError

if TYPE_CHECKING:
    SourceLike: TypeAlias = str | os.PathLike[str] | Source | Iterable["SourceLike"]

__all__ = ["as_sources", "expand", "is_pattern"]

# At least two letters: C:\data is a path. fsspec puts schemes behind one another: "simplecache::s3://".
SCHEME = re.compile(r"((?:\w+::)*[A-Za-z][A-Za-z0-9+.-]+)://")


def as_sources(source: SourceLike) -> list[Source]:
    """Return the sources that `source` names, patterns not yet resolved. Touches neither disk nor network.

    Args:
        source: A path, a pattern, "-" for standard input, an http(s) or fsspec URL, a Source, or several.

    Raises:
        ConfigError: If it is none of these, or names nothing.

    Examples:
        >>> as_sources(["https://example.org/a.csv", "b/*.csv"])
        [WebSource('https://example.org/a.csv'), FileSource('b/*.csv')]
    """
    if isinstance(source, str):
        return [_from_text(source)]
    if isinstance(source, os.PathLike):
        return [FileSource(source)]
    if isinstance(source, Source):
        return [source]
    if isinstance(source, bytes | bytearray | memoryview) or not isinstance(source, Iterable):
        raise ConfigError(
            "source: expected a path, a URL, a source or a list of these, "
            f"received {type(source).__name__}. For bytes in memory there is MemorySource."
        )
    found = [each for part in source for each in as_sources(part)]
    if not found:
        raise ConfigError("source: expected at least one path or URL, received an empty list.")
    return found


def expand(source: SourceLike) -> list[Source]:
    """Return one source for each file that `source` names, patterns resolved, each pattern's files sorted.

    Patterns look into directories: call this in a worker thread.

    Raises:
        ConfigError: As `as_sources`.
        SourceError: If a pattern matches no file.

    Examples:
        >>> expand("digits.csv")
        [FileSource('digits.csv')]
    """
    return [file for each in as_sources(source) for file in _resolved(each)]


def is_pattern(source: Source) -> bool:
    """Say whether `source` is a pattern, which `expand` would have to look up.

    Examples:
        >>> is_pattern(FileSource("data/*.csv")), is_pattern(FileSource("data/a.csv"))
        (True, False)
    """
    import glob

    return isinstance(source, FileSource | FsspecSource) and glob.has_magic(source.name)


def _from_text(text: str) -> Source:
    scheme = SCHEME.match(text)
    if scheme is None or scheme[1].lower() == "file":
        return FileSource(text)
    if scheme[1].lower() in ("http", "https"):
        return WebSource(text)
    return FsspecSource(text)


def _resolved(source: Source) -> list[Source]:
    if not is_pattern(source):
        return [source]
    import glob

    found: list[Source]
    if isinstance(source, FsspecSource):
        found = [*source.matches()]
    elif os.path.exists(source.name):  # a file may be called "a[1].csv"
        found = [source]
    else:
        found = [
            FileSource(path)
            for path in sorted(glob.glob(source.name, recursive=True))
            if os.path.isfile(path)
        ]
    if not found:
        raise SourceError(source.name, "expected files that match this pattern, found none. Check the path.")
    return found
