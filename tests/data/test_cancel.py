"""When a cancel may leave a busy worker thread behind, and when it has to wait for it."""

from __future__ import annotations

import asyncio
import gzip
import threading

import numpy as np
import pytest

from aseq import data
from aseq.data._block import Columns
from aseq.data._csv_parse import CsvParser
from aseq.data._dataset import Dataset
from aseq.data._decompress import Decompress
from aseq.data._lines import JsonParser
from aseq.data._origins import ArrayOrigin
from aseq.data._stages import Pass, Stage, Step
from aseq.data._statistics import Statistics

TEXT = b"a,b\n" + 10 * b"1,2\n"
SOURCE = data.MemorySource(TEXT)


class Gate(Stage):
    """Keeps its thread until it is let go, as parsing does."""

    blocking = True

    def __init__(self, _, exposed):
        self.exposed = exposed
        self.begun, self.go, self.ended = threading.Event(), threading.Event(), threading.Event()

    def feed(self, block):
        self.begun.set()
        self.go.wait(10)
        try:
            yield block
        finally:
            self.ended.set()


async def cancelled_in(gate, function):
    """A pass that is being cancelled while `gate` holds its thread."""
    rows = ArrayOrigin(Columns(np.arange(3), 3))
    ds = Dataset(rows, (Step(lambda _: gate),)).map(function)
    task = asyncio.create_task(ds.to_list())
    while not gate.begun.is_set():
        await asyncio.sleep(0)
    task.cancel()
    return task


async def test_a_cancel_does_not_wait_for_what_nobody_else_sees():
    gate, called = Gate(None, exposed=False), []
    task = await cancelled_in(gate, called.append)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not gate.ended.is_set()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    gate.go.set()
    while not gate.ended.is_set():
        await asyncio.sleep(0)
    assert called == []  # nothing of the user's runs behind their back


async def test_a_cancel_waits_for_what_others_see():
    gate, called = Gate(None, exposed=True), []
    task = await cancelled_in(gate, called.append)
    for _ in range(100):
        await asyncio.sleep(0)
    assert not task.done()
    gate.go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gate.ended.is_set()
    assert called == []


def first_stage(ds, kind):
    (stage,) = [
        stage for step in ds._steps if isinstance(stage := step.build(Pass(None, Statistics())), kind)
    ]
    return stage


@pytest.mark.parametrize(
    ("exposed", "options"),
    [
        (False, {}),
        (False, {"on_error": "skip"}),
        (True, {"on_error": print}),
        (True, {"column_configs": {"a": {"dtype": "category"}}}),
    ],
)
def test_parsing_is_exposed_if_it_calls_or_collects(exposed, options):
    for ds, kind in (
        (data.csv(SOURCE, **options), CsvParser),
        (data.json_lines(SOURCE, **options), JsonParser),
    ):
        assert first_stage(ds, kind).exposed == exposed


def test_decoders_are_exposed_until_it_is_clear_that_there_is_none():
    stage = first_stage(data.csv(SOURCE), Decompress)
    assert stage.exposed
    assert list(stage.feed(TEXT)) == [TEXT]
    assert not stage.exposed
    packed = first_stage(data.csv(SOURCE), Decompress)
    assert list(packed.feed(gzip.compress(TEXT))) == [TEXT]
    assert packed.exposed
