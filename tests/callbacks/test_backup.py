"""BackupAndRestore: a fit that was cut short and taken up again equals one that was not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import aseq
from aseq import callbacks, layers
from aseq.errors import ConfigError, FormatError

if TYPE_CHECKING:
    from pathlib import Path

X = np.random.default_rng(0).standard_normal((60, 4)).astype("f")
Y = X[:, :3].argmax(1)


def make(width: int = 8) -> aseq.Sequential:
    model = aseq.Sequential(
        [
            layers.Input((4,)),
            layers.Dense(width, activation="relu"),
            layers.Dropout(0.3),
            layers.Dense(3, "softmax"),
        ],
        seed=3,
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def listed(folder: Path, *more: Any) -> list[Any]:
    """The backup first: it is called last all the same."""
    return [
        callbacks.BackupAndRestore(folder),
        callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=1, min_delta=0.02),
        callbacks.EarlyStopping(patience=4, min_delta=0.05, restore_best_weights=True),
        *more,
    ]


async def fit(model: aseq.Sequential, epochs: int, chosen: list[Any]) -> callbacks.History:
    return await model.fit(
        X, Y, epochs=epochs, batch_size=8, validation_split=0.2, verbose=0, callbacks=chosen
    )


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.mark.parametrize("how", ["error", "cancel"])
@pytest.mark.parametrize("at", [0, 1, 3, 4])
async def test_goes_on_bit_for_bit(tmp_path: Path, how: str, at: int) -> None:
    whole = make()
    expected = await fit(whole, 12, listed(tmp_path / "whole"))

    async def cut(epoch: int, batch: int, logs: Any) -> None:
        if epoch == at:
            if how == "error":
                raise OSError("planted")
            task.cancel()
            await asyncio.sleep(0)

    task = asyncio.create_task(fit(make(), 12, listed(tmp_path / "cut", {"on_yield": cut})))
    with pytest.raises(OSError if how == "error" else asyncio.CancelledError):
        await task
    assert 4 < len(expected.epoch) < 12  # EarlyStopping has ended it
    taken_up = make()
    rest = await fit(taken_up, 12, listed(tmp_path / "cut"))
    assert rest.epoch == expected.epoch[at:]
    assert rest.history == {key: values[at:] for key, values in expected.history.items()}
    for one, other in zip(taken_up.get_weights(), whole.get_weights(), strict=True):
        assert np.array_equal(one, other)


async def test_the_backup_of_a_whole_fit_is_removed_unless_kept(tmp_path: Path) -> None:
    await fit(make(), 2, [callbacks.BackupAndRestore(tmp_path)])
    assert files(tmp_path) == []
    await fit(make(), 2, [callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)])
    assert files(tmp_path) == ["latest.backup.npz"]
    again = await fit(make(), 2, [callbacks.BackupAndRestore(tmp_path)])
    assert again.epoch == []


async def test_a_backup_of_another_model_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    keep = callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
    await fit(make(), 1, [keep])
    with pytest.raises(FormatError, match="model with 99 parameters, found 67"):
        await fit(make(width=12), 1, [keep])
    whole = keep.path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"PK\x03\x04"):
        keep.path.write_bytes(content)
        with pytest.raises(FormatError, match=r"latest\.backup\.npz"):
            await fit(make(), 1, [keep])


async def test_other_callbacks_than_before_begin_anew(tmp_path: Path) -> None:
    keep = callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
    await fit(make(), 2, [keep])
    stop = callbacks.EarlyStopping()
    history = await fit(make(), 4, [keep, stop])
    assert history.epoch[0] == 2
    assert stop.best is not None


def test_only_epochs_are_backed_up() -> None:
    with pytest.raises(ConfigError, match="save_freq"):
        callbacks.BackupAndRestore("x", save_freq=10)  # type: ignore[arg-type]
