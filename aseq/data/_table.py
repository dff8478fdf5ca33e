"""Files of columns: what the user wants of them, what is known about them, and what one pass has learned."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from aseq.data._arguments import is_async
from aseq.data._columns import ColumnConfig, Label, Layout, checked_configs
from aseq.data._dataset import Dataset
from aseq.data._expand import as_sources, expand, is_pattern
from aseq.data._lanes import PARSE_LANE, READ_LANE
from aseq.data._owned import Owned
from aseq.errors import ConfigError, ParseError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from aseq.data._block import Block
    from aseq.data._expand import SourceLike
    from aseq.data._recipe import Recipe
    from aseq.data._source import Source
    from aseq.data._stages import Pass

__all__ = ["OnError", "RowOptions", "Schema", "Table", "read_files", "row_options"]

OnError: TypeAlias = Literal["raise", "skip"] | Callable[[ParseError], None]


@dataclasses.dataclass(frozen=True, slots=True)
class RowOptions:
    """How columns become elements, whatever the format; checked by `row_options`."""

    label: Label
    configs: Mapping[str | int, ColumnConfig]
    configured_columns_only: bool
    dtype: np.dtype[Any]
    on_error: OnError

    @property
    def exposed(self) -> bool:
        """Whether parsing does what others see: calls a function of theirs, or adds to the categories."""
        return callable(self.on_error) or any(config.kind == "category" for config in self.configs.values())


def row_options(
    where: str, label: Any, column_configs: Any, configured_columns_only: Any, dtype: Any, on_error: Any
) -> RowOptions:
    """Check the arguments that all formats share.

    Raises:
        ConfigError: If one cannot be right; `where` begins the message.

    Examples:
        >>> row_options("csv", "kind", None, False, "float32", "raise").dtype
        dtype('float32')
    """
    configs = checked_configs(column_configs)
    if configured_columns_only and not configs:
        raise ConfigError(
            f"{where}: expected column_configs beside configured_columns_only=True, received none. "
            "Name the columns to read: column_configs={'height': {}}."
        )
    return RowOptions(
        label=_checked_label(where, label),
        configs=configs,
        configured_columns_only=bool(configured_columns_only),
        dtype=_checked_dtype(where, dtype),
        on_error=_checked_on_error(where, on_error),
    )


@dataclasses.dataclass(slots=True)
class Schema:
    """What one pass has learned; several files that are read as one share it.

    Attributes:
        layout: The columns, once the first record was seen.
        codes: For each category column, the code of each text, in their order.
        narrow: Whether all plain numbers were integers so far.
    """

    layout: Layout | None = None
    codes: dict[str, dict[str, int]] = dataclasses.field(default_factory=dict)
    narrow: bool = True

    def known(self) -> Layout:
        """The layout, where it is sure to be there."""
        assert self.layout is not None, "the first record comes before all others"
        return self.layout


class Table:
    """What is known about a file of columns, for all datasets that are made from it.

    Attributes:
        options: How to read it.
        names: All columns of the file, once a pass has seen them.
        categories: For each category column, the codes of its texts, as a pass gave them: of several passes
            over one content, the one that has come furthest.
    """

    def __init__(self, options: RowOptions) -> None:
        self.options = options
        self.names: list[str] | None = None
        self.categories: dict[str, dict[str, int]] = {}

    def begin(self, schema: Schema, source: str, names: list[str]) -> Layout:
        """Match the names of a file with the options, or with the files before it.

        Raises:
            ConfigError: If an option names a column that is not there.
            ParseError: If the file has other columns than those before it.
        """
        if schema.layout is not None:
            if names != self.names:
                problem = f"expected the columns of the files before it, {self.names}, received {names}."
                raise ParseError(source, problem, line=1)
            return schema.layout
        self.names = names
        schema.layout = self._resolved(source, names)
        for column in schema.layout.columns:
            if column.kind == "category":
                texts = column.config.categories or ()
                schema.codes[column.name] = {text: code for code, text in enumerate(texts)}
                self.categories.setdefault(column.name, schema.codes[column.name])
        return schema.layout

    def code(self, schema: Schema, name: str, text: str) -> None:
        """Give a text of a category column the next code of this pass."""
        codes = schema.codes[name]
        code = codes.setdefault(text, len(codes))
        if self.categories[name].get(text) != code:  # another pass is behind, or read another content
            self.categories[name] = codes

    def summary(self) -> dict[str, Any]:
        """What a cache file keeps of it, as plain JSON."""
        categories = {name: list(codes) for name, codes in self.categories.items()}
        return {"names": self.names, "categories": categories}

    def restore(self, summary: dict[str, Any]) -> None:
        """Take over what a `summary` knows and this one does not."""
        self.names = self.names or summary["names"]
        for name, texts in summary["categories"].items():
            self.categories.setdefault(name, {text: code for code, text in enumerate(texts)})

    def read_names(self) -> list[str]:
        """The names of the columns that are read, in file order."""
        assert self.names is not None
        return [column.name for column in self._resolved("column_names", self.names).columns]

    def _resolved(self, source: str, names: list[str]) -> Layout:
        options = self.options
        return Layout.resolve(
            source, names, options.configs, options.label, options.configured_columns_only, options.dtype
        )


class FilesOrigin:
    """Several files one after the other, patterns looked up anew in each pass.

    Args:
        source: Paths, patterns, URLs or sources.
        open_file: Makes the recipe for one of them, given what the pass has learned from those before it.
    """

    lane = PARSE_LANE
    ready = True

    def __init__(self, source: SourceLike, open_file: Callable[[Source, Schema], Recipe]) -> None:
        self.source = source
        self.open_file = open_file

    async def inputs(self, this_pass: Pass) -> AsyncGenerator[list[Block], None]:
        """Read file after file."""
        schema = Schema()
        for source in await READ_LANE.run(expand, self.source):
            async with Owned(self.open_file(source, schema).blocks(this_pass)) as groups:
                async for blocks in groups:
                    yield blocks


def read_files(
    source: SourceLike, open_file: Callable[[Source, Schema | None], Dataset], table: Table | None = None
) -> Dataset:
    """Make the dataset of one file, or of several read as one.

    Args:
        source: A path, a pattern, "-", a URL, a source, or several.
        open_file: Makes the dataset of a single file.
        table: What is known about the columns.

    Raises:
        ConfigError: If `source` is none of these.
    """
    if isinstance(source, Iterator):
        source = tuple(source)  # it is walked in every pass
    sources = as_sources(source)
    if len(sources) == 1 and not is_pattern(sources[0]):
        return open_file(sources[0], None)
    return Dataset(FilesOrigin(source, open_file), table=table)


def _checked_label(where: str, label: Any) -> Label:
    several = isinstance(label, list | tuple)
    keys = list(label) if several else [] if label is None else [label]
    if not all(isinstance(key, str | int | np.integer) and not isinstance(key, bool) for key in keys):
        raise ConfigError(
            f"{where}: expected label to be a column name, an index or a list of them, received {label!r}."
        )
    if several and not keys:
        raise ConfigError(
            f"{where}: expected at least one label, received an empty list. Pass None for none."
        )
    return tuple(keys) if several else label


def _checked_dtype(where: str, dtype: Any) -> np.dtype[Any]:
    try:
        checked = np.dtype(np.float32 if dtype is None else dtype)
    except TypeError:
        checked = np.dtype("V")
    if checked not in (np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)):
        raise ConfigError(
            f"{where}: expected dtype to be float32 or float64, received {dtype!r}. "
            "Dtypes of single columns go into column_configs."
        )
    return checked


def _checked_on_error(where: str, on_error: Any) -> OnError:
    if callable(on_error):
        if is_async(on_error):
            raise ConfigError(
                f"{where}: expected on_error to be a plain function, received an async one. It is called in a "
                "worker thread: hand over with loop.call_soon_threadsafe()."
            )
        return on_error
    if on_error in ("raise", "skip"):
        return "raise" if on_error == "raise" else "skip"
    raise ConfigError(
        f"{where}: expected on_error to be 'raise', 'skip' or a function, received {on_error!r}."
    )
