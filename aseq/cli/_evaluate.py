"""`aseq evaluate`: loss and metrics of a saved model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aseq.cli._table import Table
from aseq.models import load_model

if TYPE_CHECKING:
    import argparse

__all__ = ["run"]


async def run(arguments: argparse.Namespace) -> None:
    """Print one line a number."""
    model = await load_model(arguments.model)
    table = Table.of_model(arguments.model, model.metadata)
    batches = table.batches(arguments.data, arguments.batch_size)
    logs = await model.evaluate_dataset(batches, verbose=0, return_dict=True)
    for name, value in logs.items():
        print(name, *(f"{number:.6g}" for number in np.ravel(value)))
