"""History: what it keeps, how it reads, and its picture."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import matplotlib.figure  # here, since importing it takes longer than an event loop should be held
import numpy as np
import pytest

import aseq
from aseq import layers
from aseq.callbacks import History
from aseq.errors import ConfigError

# matplotlib keeps the files of its fonts open: have it open them before files are counted
matplotlib.figure.Figure().add_subplot().figure.savefig(io.BytesIO())

X = np.linspace(-1, 1, 64, dtype="f")[:, None]


async def fitted(**options: Any) -> History:
    model = aseq.Sequential([layers.Input((1,)), layers.Dense(1)], seed=0)
    model.compile("sgd", "mse", ["mae"])
    return await model.fit(X, 2 * X, verbose=0, **{"epochs": 4, "validation_split": 0.25, **options})


async def test_reads_well() -> None:
    history = await fitted(epochs=1, validation_split=0)
    assert repr(history).startswith("<History of 1 epoch: loss ")
    assert repr(History()) == "<History of 0 epochs>"


async def test_knows_its_fit() -> None:
    history = await fitted()
    assert history.params["epochs"] == 4
    assert history.model.history is history


async def test_a_fit_that_runs_no_epoch_has_an_empty_history() -> None:
    history = await fitted(epochs=2, initial_epoch=2)
    assert (history.epoch, history.history) == ([], {})


async def test_keeps_what_is_no_number_and_draws_what_is() -> None:
    values = iter(["x", None, np.float32(0.5), 2])
    history = await fitted(
        callbacks={"on_epoch_end": lambda epoch, logs: logs.update(note="n", v=next(values))}
    )
    assert history.history["note"] == ["n"] * 4
    assert history.history["v"] == ["x", None, 0.5, 2.0]
    assert [type(value) for value in history.history["v"][2:]] == [float, float]
    assert repr(history).endswith(", v 0.5000 to 2.000>")
    panels = {axes.get_ylabel(): axes for axes in history.plot().axes}
    assert list(panels) == ["loss", "mae", "v"]
    assert panels["v"].lines[0].get_xydata().tolist() == [[3, 0.5], [4, 2]]


async def test_an_epoch_that_has_ended_is_kept_though_a_callback_fails_behind_it() -> None:
    def fail(epoch: int, logs: Any) -> None:
        raise OSError("planted")

    model = aseq.Sequential([layers.Input((1,)), layers.Dense(1)], seed=0)
    model.compile("sgd", "mse")
    with pytest.raises(OSError, match="planted"):
        await model.fit(X, X, verbose=0, epochs=3, callbacks={"on_epoch_end": fail})
    assert model.history is not None
    assert model.history.epoch == [0]


async def test_an_epoch_cut_short_is_not_kept() -> None:
    def fail(epoch: int, batch: int, logs: Any) -> None:
        if epoch == 1:
            raise OSError("planted")

    model = aseq.Sequential([layers.Input((1,)), layers.Dense(1)], seed=0)
    model.compile("sgd", "mse")
    with pytest.raises(OSError, match="planted"):
        await model.fit(X, X, epochs=3, verbose=0, callbacks={"on_yield": fail})
    assert model.history is not None
    assert model.history.epoch == [0]


def test_plot_has_a_panel_a_measure_with_both_curves() -> None:
    history = asyncio.run(fitted(initial_epoch=1, epochs=5, validation_freq=2))
    figure = history.plot()
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "mae"]
    training, validation = figure.axes[0].lines
    assert list(training.get_xdata()) == [2, 3, 4, 5]
    assert list(training.get_ydata()) == history.history["loss"]
    assert list(validation.get_xdata()) == [2, 4]
    file = io.BytesIO()
    figure.savefig(file)  # without a screen
    assert file.getvalue().startswith(b"\x89PNG")


def test_plot_is_a_picture_to_a_notebook() -> None:
    history = asyncio.run(fitted())
    assert history.plot()._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]


def test_plot_of_some_keys_on_a_figure_of_the_users_own() -> None:
    figure = matplotlib.figure.Figure()
    assert asyncio.run(fitted()).plot(["val_mae"], figure=figure) is figure
    assert [axes.get_ylabel() for axes in figure.axes] == ["mae"]


def test_plot_of_what_is_not_there_says_what_is() -> None:
    with pytest.raises(ConfigError, match="loss, mae, received accuracy"):
        asyncio.run(fitted()).plot(["accuracy"])
    with pytest.raises(ConfigError, match="history with epochs"):
        History().plot()


def test_arrays_are_kept_told_by_their_mean_and_drawn_as_a_curve_an_entry() -> None:
    history = History()
    for epoch in range(2):
        history.on_epoch_end(epoch, {"f1_score": np.array([0.0, epoch])})
    assert np.array_equal(history.history["f1_score"], [[0, 0], [0, 1]])
    assert repr(history) == "<History of 2 epochs: f1_score 0 to 0.5000>"
    (axes,) = history.plot().axes
    assert [list(line.get_ydata()) for line in axes.lines] == [[0, 0], [0, 1]]
