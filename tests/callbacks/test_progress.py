"""The display: rows of several fits, lines of epochs, and a clean terminal however a fit ends."""

from __future__ import annotations

import asyncio
import importlib
import io
import re
import subprocess
import sys
import threading
import types
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import aseq
from aseq import callbacks, data, layers
from aseq.callbacks._board import Board
from aseq.callbacks._drawing import draw
from aseq.callbacks._row import Row
from aseq.errors import ConfigError

X = np.linspace(-1, 1, 64, dtype="f")[:, None]
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


def make(name: str = "line") -> aseq.Sequential:
    model = aseq.Sequential([layers.Input((1,)), layers.Dense(1)], name=name, seed=0)
    model.compile("sgd", "mse")
    return model


def terminal(width: int = 120, height: int = 30) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, height=height, color_system="standard",
                   legacy_windows=False, _environ={})  # fmt: skip


async def cancel(*_: Any) -> None:
    """A hook that cancels its own fit."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(30)


def written(console: Console) -> str:
    return console.file.getvalue()  # type: ignore[attr-defined]


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def drawn(rows: list[Row], width: int = 120, height: int = 30, frame: int = 0) -> list[str]:
    return ["".join(text for text, _ in line) for line in draw(rows, terminal(width, height), frame)]


class TestLines:
    async def test_one_an_epoch_where_there_is_no_terminal(self, capsys: pytest.CaptureFixture[str]) -> None:
        for verbose in (1, 2, "auto", True):
            await make().fit(X, 2 * X, epochs=2, validation_split=0.5, verbose=verbose)
            lines = capsys.readouterr().out.splitlines()
            form = r"line  epoch {}/2  1 step  [\d.]+(ms|s)  loss \d\.\d+  val_loss [\d.e-]+"
            assert len(lines) == 2
            for number, line in enumerate(lines, start=1):
                assert re.fullmatch(form.format(number), line)

    async def test_none_when_silent(self, capsys: pytest.CaptureFixture[str]) -> None:
        await make().fit(X, X, verbose=0)
        await make().evaluate(X, X, verbose=0)
        await make().predict(X)
        assert capsys.readouterr().out == ""

    async def test_evaluate_and_predict_say_what_they_are(self, capsys: pytest.CaptureFixture[str]) -> None:
        await make().evaluate(X, X, verbose=2)
        await make().predict(X, verbose=2)
        one, two = capsys.readouterr().out.splitlines()
        assert re.fullmatch(r"line  evaluate  2 steps  \d+ms  loss \d.*", one)
        assert re.fullmatch(r"line  predict  2 steps  \d+ms", two)

    async def test_two_models_of_one_name_are_told_apart(self, capsys: pytest.CaptureFixture[str]) -> None:
        await asyncio.gather(*(make().fit(X, X, epochs=2, verbose=2, yield_every="batch") for _ in range(2)))
        labels = {line.split("  ")[0].strip() for line in capsys.readouterr().out.splitlines()}
        assert labels == {"line", "line #2"}

    async def test_an_epoch_cut_short_says_so(self, capsys: pytest.CaptureFixture[str]) -> None:
        def fail(batch: int, logs: Any) -> None:
            if batch == 2:
                raise OSError("planted")

        for hook, error in ((fail, OSError), (cancel, asyncio.CancelledError)):
            with pytest.raises(error):
                listed = {"on_train_batch_end": hook}
                await make().fit(X, X, batch_size=8, epochs=3, verbose=2, callbacks=listed)
        failed, cancelled = capsys.readouterr().out.splitlines()
        assert failed.startswith("line  epoch 1/3  OSError after 2 of 8 steps  loss ")
        assert cancelled.startswith("line  epoch 1/3  cancelled after 0 of 8 steps  loss ")

    async def test_an_epoch_has_its_line_though_another_callback_fails_at_its_end(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def fail(epoch: int, logs: Any) -> None:
            raise OSError("planted")

        with pytest.raises(OSError, match="planted"):
            await make().fit(X, X, epochs=3, callbacks={"on_epoch_end": fail})
        (line,) = capsys.readouterr().out.splitlines()
        assert re.fullmatch(r"line  epoch 1/3  2 steps  \d+ms  loss [\d.]+", line)

    async def test_what_is_no_number_is_left_out(self, capsys: pytest.CaptureFixture[str]) -> None:
        def note(epoch: int, logs: Any) -> None:
            logs.update(note="x", nothing=None, ragged=[[1], [2, 3]], small=np.float32(0.5))

        await make().fit(X, X, verbose=2, callbacks={"on_epoch_end": note})
        assert re.search(r"loss [\d.]+  small 0\.5000\n$", capsys.readouterr().out)

    async def test_steps_of_a_stream_are_counted(self, capsys: pytest.CaptureFixture[str]) -> None:
        async def stream() -> Any:
            for _ in range(7):
                yield X[:8], X[:8]

        await make().fit_dataset(stream(), verbose=2)
        assert "epoch 1/1  7 steps" in capsys.readouterr().out

    async def test_a_progress_bar_of_the_users_own_is_the_only_one(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        await make().fit(X, X, callbacks=callbacks.ProgressBar(2))
        assert len(capsys.readouterr().out.splitlines()) == 1

    @pytest.mark.parametrize("verbose", [3, -1, "loud", None])
    async def test_nonsense_is_refused(self, verbose: Any) -> None:
        with pytest.raises(ConfigError, match="verbose"):
            await make().fit(X, X, verbose=verbose)


class TestDisplay:
    async def test_what_it_draws_with_is_imported_off_the_loop(self, monkeypatch: pytest.MonkeyPatch) -> None:
        imported: dict[str, threading.Thread] = {}
        monkeypatch.setattr(
            importlib, "import_module", lambda name: imported.update({name: threading.current_thread()})
        )
        await make().fit(X, X, verbose=0, callbacks=callbacks.ProgressBar(console=terminal()))
        assert imported.keys() == {"aseq.callbacks._display"}
        assert threading.current_thread() not in imported.values()

    async def test_all_fits_of_a_loop_share_one(self) -> None:
        console = terminal()
        gate = asyncio.Event()
        screens: list[str] = []

        async def look(epoch: int, logs: Any) -> None:
            await gate.wait()

        async def watch() -> None:
            await asyncio.sleep(0.25)
            screens.append(plain(written(console)))
            gate.set()

        def fit(name: str) -> Any:
            listed = [callbacks.ProgressBar(console=console), {"on_epoch_begin": look}]
            return make(name).fit(X, 2 * X, epochs=2, verbose=0, callbacks=listed)

        await asyncio.gather(fit("one"), fit("two"), fit("three"), watch())
        assert re.search(
            r"one +epoch 1/2 .*\n *two +epoch 1/2 .*\n *three +epoch 1/2", screens[0].replace("\r", "")
        )
        text = written(console)
        assert text.count(HIDE) == text.count(SHOW) == 1
        for name in ("one", "two", "three"):
            assert len(re.findall(rf"{name} *  epoch 2/2  2 steps .* loss", plain(text))) == 1

    @pytest.mark.parametrize("how", ["success", "error", "cancel", "error at begin"])
    async def test_the_terminal_is_left_clean(self, how: str) -> None:
        console = terminal()

        async def stop(*_: Any) -> None:
            if how.startswith("error"):
                raise OSError("planted")
            if how == "cancel":
                await cancel()

        hook = "on_train_begin" if how == "error at begin" else "on_yield"
        listed = [callbacks.ProgressBar(console=console), {hook: stop}]
        expected = {"success": None, "cancel": asyncio.CancelledError}.get(how, OSError)
        with nullcontext() if expected is None else pytest.raises(expected):
            await make().fit(X, X, verbose=0, callbacks=listed)
        text = written(console)
        assert text.count(HIDE) == text.count(SHOW) == 1
        assert text.rindex(SHOW) > text.rindex(HIDE)
        board = Board.here(console)
        assert board._display is None
        assert board._timer is None

    async def test_prints_of_callbacks_stand_above_the_rows(self) -> None:
        console = terminal()
        listed = [
            callbacks.ProgressBar(console=console),
            {"on_epoch_end": lambda epoch, logs: print("hello", epoch)},
        ]
        before = sys.stdout
        await make().fit(X, X, epochs=2, verbose=0, callbacks=listed)
        assert sys.stdout is before
        assert re.findall(r"hello \d", plain(written(console))) == ["hello 0", "hello 1"]

    async def test_a_terminal_that_goes_away_ends_the_display_and_not_the_fit(self) -> None:
        class Gone(io.StringIO):
            def write(self, text: str) -> int:
                if "epoch" in text:
                    raise OSError(5, "Input/output error")
                return super().write(text)

        console = Console(file=Gone(), force_terminal=True, width=80)
        before = sys.stdout

        async def slow(*_: Any) -> None:
            await asyncio.sleep(0.12)

        listed = [callbacks.ProgressBar(console=console), {"on_yield": slow}]
        history = await make().fit(X, X, epochs=2, verbose=0, callbacks=listed)
        assert history.epoch == [0, 1]
        assert Board.here(console)._display is None
        assert sys.stdout is before

    async def test_lines_break_between_values(self) -> None:
        console = terminal(width=40)
        model = aseq.Sequential([layers.Input((1,)), layers.Dense(1)], name="line", seed=0)
        model.compile("sgd", "mse", metrics=["mae", "cosine_similarity"])
        await model.fit(X, X, verbose=0, callbacks=callbacks.ProgressBar(console=console))
        text = plain(written(console)).replace("\r", "")
        form = r"line  epoch 1/1  2 steps  \d+ms\n  loss \S+  mae \S+\n  cosine_similarity \S+\n"
        assert re.search(form, text)

    async def test_values_are_drawn_from_the_loops_timer(self) -> None:
        console = terminal()

        async def slow(epoch: int, batch: int, logs: Any) -> None:
            await asyncio.sleep(0.04)

        listed = [callbacks.ProgressBar(console=console), {"on_yield": slow}]
        await make().fit(X, X, batch_size=4, verbose=0, yield_every="batch", callbacks=listed)
        seen = [int(n) for n in re.findall(r"(\d+)/16", plain(written(console)))]
        assert seen == sorted(seen)
        assert 2 <= len(seen) <= 12

    def test_two_loops_one_after_the_other(self) -> None:
        console = terminal()
        for _ in range(2):
            listed = [callbacks.ProgressBar(console=console)]
            asyncio.run(make().fit(X, X, verbose=0, callbacks=listed))
        assert written(console).count(SHOW) == 2


class TestNotebook:
    @pytest.fixture
    def outputs(self, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
        """What each output of the cell has shown, as IPython is told."""
        shown: list[list[str]] = []

        class Output:
            def __init__(self) -> None:
                shown.append([])
                self.all = shown[-1]

            def update(self, content: dict[str, str], raw: bool) -> None:
                assert raw
                assert content["text/html"].startswith("<pre")
                self.all.append(content["text/plain"])

        def display(content: dict[str, str], raw: bool, display_id: bool) -> Output:
            assert display_id
            output = Output()
            output.update(content, raw)
            return output

        module = types.ModuleType("IPython.display")
        module.display = display  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "IPython.display", module)
        return shown

    async def fit(self, **options: Any) -> None:
        console = Console(file=io.StringIO(), force_jupyter=True, width=100)
        await make().fit(X, X, verbose=0, callbacks=callbacks.ProgressBar(console=console), **options)
        assert written(console) == ""

    async def test_one_output_that_is_replaced(self, outputs: list[list[str]]) -> None:
        await self.fit(epochs=3)
        (output,) = outputs
        assert "epoch 1/3  ───" in output[0]
        assert re.fullmatch(r"(line  epoch \d/3  2 steps  \d+ms  loss \S+\n?){3}", output[-1])

    async def test_many_lines_are_spread_over_outputs(self, outputs: list[list[str]]) -> None:
        await self.fit(epochs=250)
        epochs = [re.findall(r"epoch +(\d+)/250  2 steps", output[-1]) for output in outputs]
        assert list(map(len, epochs)) == [100, 100, 50]
        assert [epoch for page in epochs for epoch in page] == [str(epoch) for epoch in range(1, 251)]


class TestDrawing:
    def row(self, label: str = "digits", **values: Any) -> Row:
        row = Row(label, **{"epochs": 10, "epoch": 2, "total": 100, "done": 50, **values})
        row.logs = {"loss": 0.12345, "accuracy": 0.95}
        row.begun -= 25.0
        row._samples.clear()
        row._samples.append((row.begun + 24, 0))
        return row

    def test_a_row(self) -> None:
        (line,) = drawn([self.row()])
        assert re.fullmatch(
            r"digits  epoch  3/10  ━{8}─{24}  50/100  50\.\d steps/s  eta 1:15  loss 0\.1235  accuracy 0\.9500",
            line,
        )

    def test_columns_stand_below_each_other(self) -> None:
        one, two = drawn([self.row(), self.row("b", epochs=3, total=5, done=1)])
        assert one.index("epoch") == two.index("epoch")
        assert one.index("loss") == two.index("loss")

    def test_a_run_of_unknown_length_counts_and_wanders(self) -> None:
        lines = {drawn([self.row(total=None, done=7)], frame=frame)[0] for frame in range(4)}
        assert len(lines) == 4
        assert all("7 steps" in line and "0:25" in line for line in lines)

    def test_validation_is_shown(self) -> None:
        assert "validating 3" in drawn([self.row(checked=3)])[0]

    def test_what_came_over_the_wire_is_shown(self) -> None:
        row = self.row()
        row.statistics = lambda: type("S", (), {"bytes": 18_230_000, "retries": 2})
        assert "18.2 MB  2 retries" in drawn([row], width=160)[0]
        row.statistics = data.StreamStatistics(
            bytes=1000, rows=9, bad_rows=1, retries=1, resumed_at=500, buffered=4
        )._replace  # a function that gives the same
        assert "1.0 kB  1 bad row  1 retry  resumed at 500 B  4 ready" in drawn([row], width=160)[0]

    def test_narrow_terminals_keep_the_values(self) -> None:
        for width in (120, 90, 80, 70, 60):
            (line,) = drawn([self.row()], width=width)
            assert line.startswith("digits  epoch  3/10")
            assert line.endswith("loss 0.1235  accuracy 0.9500")
            assert len(line) <= width

    def test_more_rows_than_lines(self) -> None:
        lines = drawn([self.row(f"model {i}") for i in range(20)], height=12)
        assert len(lines) == 11
        assert lines[-1] == "and 10 more"

    def test_a_terminal_without_unicode(self) -> None:
        console = Console(file=io.TextIOWrapper(io.BytesIO(), "ascii"), force_terminal=True, width=120)
        text = "".join(part for part, _ in draw([self.row(), self.row(total=None)], console, 3)[0])
        assert text.isascii()

    def test_nan_stands_out(self) -> None:
        row = self.row()
        row.logs = {"loss": float("nan")}
        assert ("nan", "bold red") in draw([row], terminal(), 0)[0]


def test_rich_is_only_imported_for_a_display() -> None:
    program = """
import asyncio, sys, numpy as np, aseq
model = aseq.Sequential([aseq.layers.Input((1,)), aseq.layers.Dense(1)])
model.compile("sgd", "mse")
asyncio.run(model.fit(np.ones((4, 1)), np.ones(4), epochs=2))
print([name for name in ("rich", "matplotlib", "tensorboardX", "aiohttp") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
