"""What newcomers do wrong: each time an error that names the way out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import aseq
from aseq import data, layers
from aseq.errors import AseqError

X = np.linspace(-1, 1, 24, dtype="f").reshape(6, 4)
CLASSES = np.arange(6) % 3


def compiled(loss: str = "mse", outputs: int = 3, metrics: Any = None) -> aseq.Sequential:
    model = aseq.Sequential([layers.Input((4,)), layers.Dense(outputs, activation="softmax")], seed=0)
    model.compile("adam", loss, metrics=metrics)
    return model


def rows(text: str | bytes, **options: Any) -> data.Dataset:
    text = text.encode() if isinstance(text, str) else text
    return data.csv(data.MemorySource(text, name="t.csv"), **options)


MISTAKES = {
    "a name of a loss misspelt": (lambda: compiled("mean_sqared_error"), "Did you mean 'mean_squared_error'"),
    "a name of a metric misspelt": (lambda: compiled(metrics=["acuracy"]), "Did you mean 'accuracy'"),
    "a name of an activation misspelt": (
        lambda: layers.Dense(1, activation="rleu"),
        "Did you mean 'relu'",
    ),
    "classes for one-hot targets": (
        lambda: compiled("categorical_crossentropy").fit(X, CLASSES),
        "go with sparse_categorical_crossentropy",
    ),
    "one-hot targets for classes": (
        lambda: compiled("sparse_categorical_crossentropy").fit(X, np.eye(3)[CLASSES]),
        "go with categorical_crossentropy",
    ),
    "classes counted from 1": (
        lambda: compiled("sparse_categorical_crossentropy").fit(X, CLASSES + 1),
        "count classes from 0",
    ),
    "text as labels": (
        lambda: compiled("sparse_categorical_crossentropy").fit(X, np.array(list("abcabc"))),
        "Map categories to numbers",
    ),
    "text as features": (lambda: compiled().fit(X.astype(str), X), r"astype\(float\)"),
    "one sample for a batch": (lambda: compiled().predict(X[0]), r"x\[None\]"),
    "rows that are no batches": (
        lambda: compiled().fit_dataset(data.array(X, CLASSES)),
        r"\.batch\(n\)",
    ),
    "no compile": (
        lambda: aseq.Sequential([layers.Input((4,)), layers.Dense(1)]).fit(X, CLASSES),
        r"Call model.compile\(",
    ),
    "text in a table": (
        lambda: rows("a,kind\n1,cat\n", label="a").to_list(),
        r'column_configs=\{\'kind\': \{"dtype": "category"\}\}',
    ),
    "names in a table without a header": (
        lambda: rows("a,b\n1,2\n", label=-1, has_header=False).to_list(),
        "pass has_header=True",
    ),
    "semicolons, by name": (lambda: rows("a;b\n1;2\n", label="b").to_list(), "Pass delimiter=';'"),
    "semicolons, by index": (lambda: rows("a;b\n1;2\n", label=-1).to_list(), "Pass delimiter=';'"),
    "a path for an address": (lambda: data.web("table.csv"), "data.disk"),
}


async def test_a_softmax_over_one_unit_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="Use a sigmoid"):
        await compiled("binary_crossentropy", outputs=1).fit(X, CLASSES > 0, verbose=0)


@pytest.mark.parametrize(("act", "way_out"), MISTAKES.values(), ids=MISTAKES)
async def test_the_error_names_the_way_out(act: Any, way_out: str) -> None:
    with pytest.raises(AseqError, match=way_out):
        await act()
