"""What the columns of a file are: the user's wishes checked, then matched with the names in the file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from aseq.data._fields import meaning, other_delimiter
from aseq.errors import ConfigError

__all__ = ["Column", "ColumnConfig", "Label", "Layout", "checked_configs"]

Label: TypeAlias = str | int | Sequence[str | int] | None


@dataclasses.dataclass(frozen=True, slots=True)
class ColumnConfig:
    """What a user says about one column.

    Attributes:
        kind: "number", "int", "bool", "string", "category", "date", or None to go by the first value.
        dtype: The dtype asked for, if any.
        default: Stands for a missing value; None if there is no default.
        required: Whether a missing value is an error.
        is_label: Whether the column belongs to y.
        categories: For "category", all texts that may occur; None numbers them as they come.
        format: For "date", a strptime format; None takes ISO 8601.
    """

    kind: str | None = None
    dtype: np.dtype[Any] | None = None
    default: Any = None
    required: bool = False
    is_label: bool = False
    categories: tuple[str, ...] | None = None
    format: str | None = None


@dataclasses.dataclass(slots=True)
class Column:
    """One column that is read.

    Attributes:
        name: From the header or from the user.
        index: 0-based position in the file.
        kind: As in `ColumnConfig`; None until the first value is seen.
        dtype: Of the values, outside of the matrix x.
        config: The user's wishes.
        default: Stands for a missing value, in the type of the column's kind; None if there is no default.
    """

    name: str
    index: int
    kind: str | None
    dtype: np.dtype[Any]
    config: ColumnConfig
    default: Any = None

    def decide(self, kind: str) -> None:
        """Settle the kind of a column.

        Raises:
            ConfigError: If its default is of another.
        """
        self.kind = kind
        if self.config.kind is None and kind in UNDECLARED:
            self.dtype = UNDECLARED[kind]
        if self.config.default is None:
            return
        try:
            self.default = meaning(self, str(self.config.default))
        except ValueError as error:
            raise ConfigError(f"column_configs[{self.name!r}]: {error} as its default.") from error

    @property
    def needs_value(self) -> bool:
        """True if a missing value has nothing to stand for it."""
        no_nan = self.kind in ("int", "bool", "category")
        return self.config.default is None and (self.config.required or no_nan)


UNDECLARED = {"string": np.dtype(object), "date": np.dtype(float)}
"""Dtypes of columns that turn out to hold these, whatever the dtype of numbers."""

KINDS: dict[Any, tuple[str, str | None]] = {
    "category": ("category", "int32"),
    "date": ("date", "float64"),
    "string": ("string", "object"),
    "str": ("string", "object"),
    str: ("string", "object"),
    "number": ("number", None),
    "float": ("number", None),
    float: ("number", None),
    "int": ("int", "int64"),
    int: ("int", "int64"),
    "bool": ("bool", "bool"),
    bool: ("bool", "bool"),
}


def _kind(name: object, dtype: Any) -> tuple[str | None, np.dtype[Any] | None]:
    if dtype is None:
        return None, None
    if isinstance(dtype, str | type) and dtype in KINDS:
        kind, storage = KINDS[dtype]
        return kind, None if storage is None else np.dtype(storage)
    try:
        exact = np.dtype(dtype)
    except TypeError:
        exact = np.dtype("V")
    kind_of = {"f": "number", "i": "int", "u": "int", "b": "bool", "U": "string", "O": "string"}
    if exact.kind not in kind_of:
        raise ConfigError(
            f"column_configs[{name!r}]: expected a dtype of 'float32', 'int32', 'bool', 'string', 'category' "
            f"or 'date', received {dtype!r}."
        )
    return kind_of[exact.kind], np.dtype(object) if exact.kind == "U" else exact


def checked_configs(configs: Mapping[Any, Any] | None) -> dict[str | int, ColumnConfig]:
    """Check the `column_configs` argument of `data.csv`.

    Raises:
        ConfigError: If a key or a value cannot be right.

    Examples:
        >>> checked_configs({"age": {"dtype": "int32", "default": 0}})["age"].kind
        'int'
    """
    if configs is not None and not isinstance(configs, Mapping):
        raise ConfigError(f"column_configs: expected a dict, received {type(configs).__name__}.")
    return {_checked_key(name): _checked_config(name, config) for name, config in (configs or {}).items()}


def _checked_key(name: Any) -> str | int:
    if isinstance(name, bool) or not isinstance(name, str | int | np.integer):
        raise ConfigError(f"column_configs: expected names or indices of columns as keys, received {name!r}.")
    return name if isinstance(name, str) else int(name)


def _checked_config(name: object, config: Any) -> ColumnConfig:
    if isinstance(config, ColumnConfig):
        return config
    if not isinstance(config, Mapping):
        config = {"dtype": config}
    given = {{"isLabel": "is_label"}.get(key, key): value for key, value in config.items()}
    allowed = ("dtype", "default", "required", "is_label", "categories", "format")
    for key in given:
        if key not in allowed:
            raise ConfigError(f"column_configs[{name!r}]: expected keys of {allowed}, received {key!r}.")
    kind, dtype = _kind(name, given.pop("dtype", None))
    for key, owner in (("categories", "category"), ("format", "date")):
        if given.get(key) is not None and kind != owner:
            raise ConfigError(
                f"column_configs[{name!r}]: expected dtype={owner!r} beside {key!r}, received {kind!r}."
            )
    for key, wanted in (("required", bool), ("is_label", bool), ("format", str)):
        if given.get(key) is not None and not isinstance(given[key], wanted):
            raise ConfigError(
                f"column_configs[{name!r}]: expected {key} to be a {wanted.__name__}, received {given[key]!r}."
            )
    if given.get("categories") is not None:
        given["categories"] = _checked_categories(name, given["categories"])
    result = ColumnConfig(kind, dtype, **given)
    if kind is not None:
        Column(str(name), 0, kind, dtype or np.dtype(float), result).decide(kind)
    return result


def _checked_categories(name: object, categories: Any) -> tuple[str, ...]:
    several = isinstance(categories, Iterable) and not isinstance(categories, str)
    texts = tuple(map(str, categories)) if several else ()
    if not texts or len(set(texts)) < len(texts):
        raise ConfigError(
            f"column_configs[{name!r}]: expected categories to be a list of distinct texts, "
            f"received {categories!r}."
        )
    return texts


@dataclasses.dataclass(slots=True)
class Layout:
    """How the columns of one file become elements.

    Attributes:
        width: The number of fields in every record.
        columns: The columns that are read, in file order.
        features: Those of them that make up x; all of them where there are no labels.
        labels: Those that make up y, in the order asked for.
        one_label: Whether y is one value rather than a vector.
        feature_places: The places of the features among the columns.
        label_places: The places of the labels among the columns.
        mixed: Whether x needs more than plain numbers that may be missing.
    """

    width: int
    columns: list[Column]
    features: list[Column]
    labels: list[Column]
    one_label: bool
    feature_places: list[int] = dataclasses.field(init=False)
    label_places: list[int] = dataclasses.field(init=False)
    mixed: bool = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        place = {column.index: place for place, column in enumerate(self.columns)}
        self.feature_places = [place[column.index] for column in self.features]
        self.label_places = [place[column.index] for column in self.labels]
        self.mixed = any(
            column.kind != "number"
            or column.config.default is not None
            or column.config.required
            or column.dtype != self.features[0].dtype
            for column in self.features
        )

    @classmethod
    def resolve(
        cls,
        where: str,
        names: Sequence[str],
        configs: Mapping[str | int, ColumnConfig],
        label: Label,
        configured_columns_only: bool,
        dtype: np.dtype[Any],
    ) -> Layout:
        """Match names in the file with names and indices in the arguments.

        Raises:
            ConfigError: If an argument names a column that the file does not have, or one twice, or wants
                text in x.
        """
        places = _positions(where, names, configs)
        by_index = dict(zip(places, configs.values(), strict=True))
        marked = [index for index, config in sorted(by_index.items()) if config.is_label]
        several = isinstance(label, Iterable) and not isinstance(label, str)
        wanted: list[Any] = list(label) if several else [] if label is None else [label]  # type: ignore[arg-type]
        labels = _positions(where, names, wanted)
        labels += [index for index in marked if index not in labels]
        columns = {}
        for index, name in enumerate(names):
            if configured_columns_only and index not in by_index and index not in labels:
                continue
            columns[index] = _column(name, index, by_index.get(index, ColumnConfig()), labels, dtype)
        features = [column for index, column in columns.items() if index not in labels]
        if labels:
            _refuse_texts(where, features)
        one = len(labels) == 1 and not several
        return cls(len(names), list(columns.values()), features, [columns[i] for i in labels], one)

    @property
    def undecided(self) -> list[Column]:
        """Columns whose kind waits for their first value."""
        return [column for column in self.columns if column.kind is None]


def _column(name: str, index: int, config: ColumnConfig, labels: list[int], dtype: np.dtype[Any]) -> Column:
    own = config.dtype or dtype
    if config.is_label:
        config = dataclasses.replace(config, required=True)  # as in TensorFlow.js
    if index in labels and config.kind == "bool":
        own = dtype  # losses take floats
    column = Column(name, index, config.kind, own, config)
    kind = config.kind or ("number" if labels else None)
    if kind is not None:
        column.decide(kind)
    return column


def _refuse_texts(where: str, features: Iterable[Column]) -> None:
    for column in features:
        if column.kind == "string":
            raise ConfigError(
                f"{where}: expected columns of numbers beside a label, received {column.name!r} of dtype "
                '"string". Make it "category", or give no label and build x with map().'
            )


def _positions(where: str, names: Sequence[str], keys: Iterable[str | int]) -> list[int]:
    places: list[int] = []
    for key in keys:
        place = _position(where, names, key)
        if place in places:
            raise ConfigError(
                f"{where}: expected each column once, received {names[place]!r} and again {key!r}."
            )
        places.append(place)
    return places


def _position(where: str, names: Sequence[str], key: str | int) -> int:
    if isinstance(key, str) and key in names:
        return names.index(key)
    if isinstance(key, int | np.integer) and -len(names) <= key < len(names):
        return int(key) % len(names)
    shown = ", ".join(map(repr, names[:8])) + (", ..." if len(names) > 8 else "")
    raise ConfigError(
        f"{where}: expected one of its {len(names)} columns {shown}, received {key!r}. "
        f"Columns go by name, or by index from 0 or from -1 backwards.{other_delimiter(*names)}"
    )
