"""What the commands know about a CSV: which column is the target, and how its rows become numbers."""

from __future__ import annotations

import dataclasses
import shlex
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from aseq import data
from aseq.errors import ConfigError, DataError, ParseError
from aseq.layers import Normalization

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aseq.data import Dataset
    from aseq.types import Array

__all__ = ["Form", "Survey", "Table", "survey"]


MOST_CLASSES = 100
"""A label of whole numbers with more distinct values than this is a quantity, not a class."""


class Form(TypedDict):
    """The arguments of `data.csv` that say how a file is written."""

    has_header: bool
    delimiter: str


@dataclasses.dataclass
class Table:
    """How the rows of a CSV become x and y; travels in the model's metadata.

    A missing feature becomes its mean, and classes become their index.

    Attributes:
        label: Name of the target column.
        features: Names of the columns to learn from, in file order.
        has_header: Whether the first row holds names.
        mean: Of each feature.
        classes: Distinct values of the label, for a classification.
        dropped: Names of the columns that are left out.
        delimiter: What stands between fields.
    """

    label: str
    features: list[str]
    has_header: bool
    mean: list[float]
    classes: list[Any] | None = None
    dropped: list[str] = dataclasses.field(default_factory=list)
    delimiter: str = ","

    @classmethod
    def of_model(cls, name: str, metadata: dict[str, Any]) -> Table:
        """The table that `aseq fit` kept in a model.

        Raises:
            ConfigError: There is none.
        """
        try:
            return cls(**metadata["table"])
        except (KeyError, TypeError):
            raise ConfigError(
                f"{name}: expected a model saved by `aseq fit`, this one does not say how rows become "
                f"numbers. Use model.evaluate and model.predict in Python."
            ) from None

    @property
    def form(self) -> Form:
        """How the text of the file is written."""
        return {"has_header": self.has_header, "delimiter": self.delimiter}

    def rows(self, source: str) -> Dataset:
        """Pairs (x, y), as they are in the file."""
        return _rows(source, self.form, self.label, self._label_config(), self.features)

    def prepare(self, x: Array, y: Array) -> tuple[Array, Array]:
        """A batch as the network takes it.

        Raises:
            DataError: The label is none of the known classes.
        """
        if self.classes and not isinstance(self.classes[0], str):
            y = _class_numbers(y, np.asarray(self.classes), self.label)
        return self.fill(x), y

    def fill(self, x: Array) -> Array:
        """Features with nothing missing."""
        return np.where(np.isnan(x), np.asarray(self.mean, x.dtype), x)

    def batches(self, source: str, batch_size: int) -> Dataset:
        """Batches (x, y) of another file, whose columns are found by name."""
        rows = self._columns(source, [*self.features, self.label])

        def pairs(columns: dict[str, Array]) -> tuple[Array, Array]:
            y = columns.pop(self.label)
            return self.prepare(np.stack([columns[name] for name in self.features], axis=1), y)

        return rows.batch(batch_size).map(pairs).prefetch(2)

    async def features_only(self, source: str, batch_size: int) -> Dataset:
        """Batches of x alone; the file may or may not have the label."""
        features = self.features
        if not self.has_header:  # names are positions: without the label they move up
            names = await data.csv(source, **self.form).column_names()
            if len(names) == len(features) + len(self.dropped):
                label = _position(self.label)
                features = [names[at - (at > label)] for at in map(_position, features)]
        rows = self._columns(source, features)

        def filled(columns: dict[str, Array]) -> Array:
            return self.fill(np.stack([columns[name] for name in features], axis=1))

        return rows.batch(batch_size).map(filled).prefetch(2)

    def _columns(self, source: str, names: list[str]) -> Dataset:
        """Rows as dicts of these columns, in whatever order the file has them."""
        configs: dict[str, Any] = {name: {"dtype": "float32"} for name in names}
        if self.label in configs:
            configs[self.label] |= self._label_config()
        return data.csv(source, column_configs=configs, configured_columns_only=True, **self.form)

    def _label_config(self) -> dict[str, Any]:
        if self.classes and isinstance(self.classes[0], str):
            return {"dtype": "category", "categories": self.classes}
        return {}


@dataclasses.dataclass
class Survey:
    """What one pass over a file tells.

    Attributes:
        table: How its rows become numbers.
        rows: How many there are.
        normalization: A layer that brings each feature to mean 0 and deviation 1.
    """

    table: Table
    rows: int
    normalization: Normalization


async def survey(
    source: str, label: str, form: Form, classify: bool | None, drop: Sequence[str] = ()
) -> Survey:
    """Look through a file once.

    Args:
        source: URL or path.
        label: Name or index of the target column.
        form: How its text is written.
        classify: Whether the label is a class; None to judge by its values.
        drop: Names or indices of the columns to leave out.

    Raises:
        ConfigError: There is no such column, or none is left to learn from.
        DataError: There is nothing in the file, or but one class.
        ParseError: A feature is no number.
    """
    try:
        first = await data.csv(source, **form).take(1).to_list()
    except ParseError as error:
        raise _with_option(error) from None
    if not first:
        raise DataError(f"{source}: expected at least one row, received none.")
    names = list(first[0])
    label = _column("--label", source, names, label)
    dropped = list(dict.fromkeys(_column("--drop", source, names, name) for name in drop))
    features = [name for name in names if name != label and name not in dropped]
    if label in dropped or (dropped and not features):
        raise ConfigError(
            f"--drop: expected to keep the label and a column to learn from, received {', '.join(drop)}."
        )
    is_text = isinstance(first[0][label], str)
    rows = _rows(source, form, label, {"dtype": "category" if is_text else "float32"}, features)
    look = _Look()
    try:
        await rows.batch(1024).map(look.at).for_each(_nothing)
    except ParseError as error:
        raise _with_way_out(error, features) from None
    classes: list[Any] | None = None
    if is_text:
        classes = rows.categories[label]
    elif look.labels is not None and classify is not False:
        classes = [int(value) for value in sorted(look.labels)]
    if classes is not None and len(classes) < 2:
        raise DataError(
            f"--label: expected {label!r} to have two classes or more, received only {classes[0]}."
        )
    mean, variance = look.moments(source)
    table = Table(label, features, mean=mean.tolist(), classes=classes, dropped=dropped, **form)
    return Survey(table, look.rows, Normalization(mean=mean, variance=variance))


class _Look:
    """Counts rows, and gathers the moments of the features and the distinct labels while they are few."""

    def __init__(self) -> None:
        self.rows = 0
        self.labels: set[float] | None = set()
        self.normalization = Normalization()

    def at(self, x: Array, y: Array) -> int:
        self.rows += len(x)
        self.normalization.update_statistics(x[~np.isnan(x).any(axis=1)])
        if self.labels is not None:
            self.labels |= set(np.unique(y).tolist())
            if len(self.labels) > MOST_CLASSES or any(value != value // 1 for value in self.labels):
                self.labels = None
        return len(x)

    def moments(self, source: str) -> tuple[Array, Array]:
        """Mean and variance over the complete rows; a feature that never changes has variance 1.

        Raises:
            DataError: Every row has something missing.
        """
        try:
            self.normalization.finish()
        except DataError:
            raise DataError(f"{source}: expected a row with every feature, every row misses some.") from None
        variance = self.normalization.variance.value
        return self.normalization.mean.value, np.where(variance > 0, variance, 1)


def _nothing(_: object) -> None:
    """The count is kept where it is made."""


def _class_numbers(y: Array, classes: Array, label: str) -> Array:
    numbers = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
    wrong = classes[numbers] != y
    if wrong.any():
        raise DataError(
            f"label {label!r}: expected one of {_some(classes.tolist())}, received {y[wrong].flat[0]:g}."
        )
    return numbers


def _with_way_out(error: ParseError, features: list[str]) -> ParseError:
    """The error, and what can be done on the command line if a feature is text."""
    if error.column not in features or not error.problem.startswith("expected a number"):
        return error  # a row with too few fields, say
    option = f"--drop {shlex.quote(str(error.column))}"
    problem = f"{error.problem} Leave the column out with {option}, or turn its texts into numbers first."
    return ParseError(error.source, problem, line=error.line, column=error.column)


def _with_option(error: ParseError) -> ParseError:
    """The error, and what can be done on the command line if the file has no header."""
    problem, mark, _ = error.problem.partition(" Pass column_names=")
    if not mark:
        return error
    problem += " Give --no-header if the first row is data."
    return ParseError(error.source, problem, line=error.line, column=error.column)


def _rows(source: str, form: Form, label: str, label_config: dict[str, Any], features: list[str]) -> Dataset:
    """Pairs (x, y) of a file, as they are in it."""
    configs = {**{name: {"dtype": "float32"} for name in features}, label: label_config}
    return data.csv(source, label=label, column_configs=configs, configured_columns_only=True, **form)


def _position(name: str) -> int:
    """Where a column stands in a file without a header."""
    return int(name.removeprefix("column_"))


def _column(option: str, source: str, names: list[str], wanted: str) -> str:
    if wanted in names:
        return wanted
    try:
        return names[int(wanted)]
    except (ValueError, IndexError):
        way_out = "Give one of these names, or an index."
        if len(names) == 1 and (other := next((sign for sign in ";\t|," if sign in names[0]), None)):
            sign = "tab" if other == "\t" else shlex.quote(other)
            way_out = f"If it is several, give --delimiter {sign}."
        raise ConfigError(
            f"{option}: {source} has the {len(names)} columns {_some(names)}, received {wanted!r}. {way_out}"
        ) from None


def _some(values: list[Any]) -> str:
    """The first few of many."""
    shown = ", ".join(map(str, values[:8]))
    return f"{shown}, ..." if len(values) > 8 else shown
