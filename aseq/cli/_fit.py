"""`aseq fit`: from a CSV to a trained model."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from aseq import layers, optimizers
from aseq.cli._network import parse_layers
from aseq.cli._table import survey
from aseq.errors import ConfigError, DataError
from aseq.models import Sequential
from aseq.saving import check_folder, codec_for

if TYPE_CHECKING:
    import argparse

    from aseq.cli._table import Form, Survey, Table
    from aseq.data import Dataset

__all__ = ["run"]

SHUFFLE = 10_000


async def run(arguments: argparse.Namespace) -> None:
    """Look at the data once, then train, and save if asked."""
    if arguments.save:
        codec_for(arguments.save)
        check_folder(arguments.save)
    if arguments.data == "-":
        raise ConfigError("expected a file or URL, standard input can be read only once. Save it to a file.")
    loss = arguments.loss
    classify = None if loss is None else "crossentropy" in loss.lower()
    form: Form = {"has_header": not arguments.no_header, "delimiter": arguments.delimiter}
    found = await survey(arguments.data, arguments.label, form, classify, arguments.drop)
    model = _compiled(found, arguments)
    print(f"{arguments.data}: {_described(found.table, found.rows)}")
    train, validation = _datasets(found, arguments)
    history = await model.fit_dataset(
        train,
        epochs=arguments.epochs,
        validation_data=validation,
        verbose=0 if arguments.quiet else "auto",
    )
    print(", ".join(f"{key} {values[-1]:.4f}" for key, values in history.history.items()))
    if arguments.save:
        model.metadata = {"table": dataclasses.asdict(found.table)}
        await model.save(arguments.save)
        print(f"Saved to {arguments.save}")


def _compiled(found: Survey, arguments: argparse.Namespace) -> Sequential:
    table = found.table
    loss = arguments.loss or ("sparse_categorical_crossentropy" if table.classes else "mse")
    text = arguments.layers or f"64 relu, {_output(table, loss)}"
    inputs = [layers.Input((len(table.features),)), found.normalization]
    model = Sequential([*inputs, *parse_layers(text)], seed=arguments.seed)
    optimizer = optimizers.get(arguments.optimizer)
    if arguments.learning_rate is not None:
        optimizer.learning_rate = arguments.learning_rate
    model.compile(optimizer, loss, metrics=["accuracy" if table.classes else "mae"])
    units = model.output_shape[-1]
    if table.classes and "sparse" in loss and units is not None and units < len(table.classes):
        raise ConfigError(
            f"--layers: expected a last layer of {len(table.classes)} units, one a class of {table.label!r}, "
            f"received {units}."
        )
    return model


def _output(table: Table, loss: str) -> str:
    """The last layer that fits the label and the loss."""
    if not table.classes:
        return "1"
    if loss.replace("_", "").lower() == "binarycrossentropy":
        return "1 sigmoid"
    return f"{len(table.classes)} softmax"


def _datasets(found: Survey, arguments: argparse.Namespace) -> tuple[Dataset, Dataset | None]:
    """Batches to train on and to validate on."""
    table, rows = found.table, found.rows
    train = table.rows(arguments.data)
    validation: Any = None
    if arguments.validation:
        validation = table.batches(arguments.validation, 256)
    elif arguments.validation_split:
        cut = math.floor(rows * (1 - arguments.validation_split))
        if cut in (0, rows):
            raise DataError(f"--validation-split: {rows} rows leave none to train on or none to validate on.")
        validation = train.skip(cut).batch(256).map(table.prepare)
        train = train.take(cut)
    train = train.shuffle(SHUFFLE, seed=arguments.seed).batch(arguments.batch_size).map(table.prepare)
    return train.prefetch(4), validation


def _described(table: Table, rows: int) -> str:
    features = len(table.features)
    found = f"{rows:,} rows, {features} feature{'s' * (features != 1)}, {table.label!r} to learn"
    if table.classes is None:
        return f"{found}, a quantity"
    shown = ", ".join(map(str, table.classes[:10]))
    return f"{found}, {len(table.classes)} classes ({shown}{', ...' if len(table.classes) > 10 else ''})"
