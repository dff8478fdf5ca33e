"""Every row of the table of components against every check that applies to it: one test each."""

from __future__ import annotations

import importlib
import inspect
import types

import numpy as np
import pytest

from aseq import Sequential, data, load_model, testing
from aseq.layers import Input
from aseq.testing._case import named
from aseq.testing._numbers import agree
from tests.cases import ROOMS, TABLE
from tests.cases.lookups import LOOKUPS


def _checks(kind):
    """(id, check) of every row of a kind."""
    if kind == "lookup":
        for room, case in LOOKUPS.items():
            for name, check in named(case, case.checks):
                yield f"{room}.{case.id}::{name}", check
        return
    for case in TABLE[kind]:
        for name, check in getattr(testing, f"yield_{kind}_checks")(case):
            yield f"{case.id}::{name}", check


def rows(kind):
    """One test for each row and check."""
    return pytest.mark.parametrize("check", [pytest.param(check, id=name) for name, check in _checks(kind)])


@rows("activation")
def test_activation(check):
    check()


@rows("constraint")
def test_constraint(check):
    check()


@rows("initializer")
def test_initializer(check):
    check()


@rows("layer")
def test_layer(check):
    check()


@rows("loss")
def test_loss(check):
    check()


@rows("lookup")
def test_lookup(check):
    check()


@rows("metric")
def test_metric(check):
    check()


@rows("optimizer")
def test_optimizer(check):
    check()


@rows("regularizer")
def test_regularizer(check):
    check()


@rows("schedule")
def test_schedule(check):
    check()


@pytest.mark.parametrize("suffix", [".aseq"])
@pytest.mark.parametrize("case", TABLE["layer"], ids=lambda case: case.id)
async def test_layer_survives_a_file(case, suffix, tmp_path):
    """A saved and loaded model predicts the same bits."""
    first = Input(batch_shape=(case.batch_size, *case.input_shape), name="first")
    model = Sequential([first, case.factory()], seed=1)
    x = case.inputs(case.batch_size or 3, np.float32)
    expected = await model.predict_on_batch(x)
    await model.save(tmp_path / f"model{suffix}")
    own = {type(layer).__name__: type(layer) for layer in model.layers}
    loaded = await load_model(tmp_path / f"model{suffix}", custom_objects=own)
    agree("predictions", await loaded.predict_on_batch(x), expected)
    agree("weights", loaded.get_weights(), model.get_weights())


@rows("callback")
async def test_callback(check):
    await check()


@rows("dataset")
async def test_dataset(check):
    await check()


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_has_a_row(room):
    public = importlib.import_module(room)
    shown = {name for case in ROOMS[room] for name in (case.component, *case.covers)}
    assert shown - set(public.__all__) == set(), "a row for a name that is not public"
    things = [getattr(public, name) for name in shown]
    missing = {
        name
        for name in public.__all__
        if not isinstance(getattr(public, name), types.ModuleType)  # a room of its own, see below
        and not any(getattr(public, name) is thing for thing in things)  # a second name is the same thing
    }
    assert missing == set(), "without a row in tests/cases"


def test_every_room_of_components_is_in_the_table():
    found = set()
    for room in {name.rpartition(".")[0] for name in ROOMS} | set(ROOMS):
        public = importlib.import_module(room)
        modules = {name for name in public.__all__ if isinstance(getattr(public, name), types.ModuleType)}
        found |= {f"{room}.{name}" for name in modules}
    components = {
        name
        for name in found
        if any(hasattr(importlib.import_module(name), each) for each in ("get", "serialize", "from_config"))
    }
    assert components - set(ROOMS) == set()


def test_every_operator_of_a_dataset_has_a_row():
    operators = {
        name
        for name, method in inspect.getmembers(data.Dataset, inspect.isfunction)
        if not name.startswith("_") and inspect.signature(method).return_annotation == "Dataset"
    }
    shown = {case.id.split("-")[1] for case in ROOMS["aseq.data"] if case.id.startswith("Dataset-")}
    assert operators - shown == set(), "without a row Dataset-<operator> in tests/cases/datasets.py"


@pytest.mark.parametrize("kind", TABLE)
def test_every_row_has_an_id_of_its_own(kind):
    ids = [case.id for case in TABLE[kind]]
    assert len(ids) == len(set(ids))
