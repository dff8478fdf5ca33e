"""A fit that begins at an initial_epoch goes on as one that was never interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import aseq
from aseq import callbacks, data, layers
from aseq.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

X = np.random.default_rng(0).standard_normal((60, 4)).astype("f")
Y = X[:, :3].argmax(1)
EPOCHS = 5


def make() -> aseq.Sequential:
    model = aseq.Sequential(
        [layers.Input((4,)), layers.Dense(8, "relu"), layers.Dropout(0.3), layers.Dense(3, "softmax")], seed=3
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def batches() -> list[Any]:
    return [(X[i : i + 6], Y[i : i + 6]) for i in range(0, 60, 6)]


def rows() -> Any:
    return data.array(X, Y).shuffle(60, seed=5).batch(6)


FITS: dict[str, tuple[Any, dict[str, Any]]] = {
    "rows, whole passes": (lambda: (X, Y), {"batch_size": 6}),
    "rows, passes of several epochs": (lambda: (X, Y), {"batch_size": 6, "steps_per_epoch": 5}),
    "rows, short epochs": (lambda: (X, Y), {"batch_size": 6, "steps_per_epoch": 4}),
    "rows, only short epochs": (lambda: (X, Y), {"batch_size": 6, "steps_per_epoch": 13}),
    "rows in order": (lambda: (X, Y), {"batch_size": 6, "steps_per_epoch": 3, "shuffle": False}),
    "rows moved in their batches": (
        lambda: (X, Y),
        {"batch_size": 6, "steps_per_epoch": 3, "shuffle": "batch"},
    ),
    "dataset, whole passes": (lambda: (rows(),), {}),
    "dataset": (lambda: (rows().repeat(),), {"steps_per_epoch": 4}),
    "list": (lambda: (batches() * 3,), {"steps_per_epoch": 4}),
}


@pytest.mark.filterwarnings("ignore:fit. the data ran out")
@pytest.mark.parametrize("cut", [1, 2, 3])
@pytest.mark.parametrize("name", FITS)
async def test_initial_epoch_finds_its_batches(name: str, cut: int) -> None:
    source, options = FITS[name]
    whole, parted = make(), make()
    expected = await whole.fit(*source(), epochs=EPOCHS, verbose=0, **options)
    first = await parted.fit(*source(), epochs=cut, verbose=0, **options)
    rest = await parted.fit(*source(), epochs=EPOCHS, initial_epoch=cut, verbose=0, **options)
    assert first.history["loss"] + rest.history["loss"] == expected.history["loss"]
    for one, other in zip(parted.get_weights(), whole.get_weights(), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.filterwarnings("ignore:fit. the data ran out")
@pytest.mark.parametrize("name", FITS)
async def test_a_backup_finds_its_batches(name: str, tmp_path: Path) -> None:
    source, options = FITS[name]
    whole, taken_up = make(), make()
    await whole.fit(*source(), epochs=EPOCHS, verbose=0, **options)

    def crash(epoch: int, logs: Any) -> None:
        if epoch == 2:
            raise OSError("planted")

    backup = callbacks.BackupAndRestore(tmp_path)
    with pytest.raises(OSError, match="planted"):
        await make().fit(
            *source(), epochs=EPOCHS, verbose=0, callbacks=[backup, {"on_epoch_begin": crash}], **options
        )
    rest = await taken_up.fit(*source(), epochs=EPOCHS, verbose=0, callbacks=backup, **options)
    assert rest.epoch == [2, 3, 4]
    for one, other in zip(taken_up.get_weights(), whole.get_weights(), strict=True):
        assert np.array_equal(one, other)


async def test_what_can_be_read_once_goes_on_where_it_is() -> None:
    class Once:
        def __init__(self) -> None:
            self.left = batches()

        def __iter__(self) -> Once:
            return self

        def __next__(self) -> Any:
            return self.left.pop(0)

    source, model, whole = Once(), make(), make()
    first = await model.fit_dataset(source, epochs=1, steps_per_epoch=4, verbose=0)
    assert len(source.left) == 6
    rest = await model.fit_dataset(source, initial_epoch=1, epochs=2, steps_per_epoch=4, verbose=0)
    expected = await whole.fit_dataset(batches(), epochs=2, steps_per_epoch=4, verbose=0)
    assert first.history["loss"] + rest.history["loss"] == expected.history["loss"]


async def test_no_batch_behind_those_of_earlier_epochs_is_an_error() -> None:
    with pytest.raises(DataError, match=r"first 12 batches .* before\s+initial_epoch=3"):
        await make().fit_dataset(batches(), initial_epoch=3, epochs=4, steps_per_epoch=4, verbose=0)
