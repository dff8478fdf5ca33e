"""Callbacks that write: ModelCheckpoint, CSVLogger, TensorBoard, RemoteMonitor; and weights files."""

from __future__ import annotations

import csv
import io
import json
import pickle
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import aseq
from aseq import callbacks, layers
from aseq.errors import ConfigError, FormatError, NotBuiltError, SourceError
from aseq.saving import write_weights

if TYPE_CHECKING:
    from pathlib import Path

X = np.linspace(-1, 1, 32, dtype="f")[:, None]
NOTES = {"on_epoch_end": lambda epoch, logs: logs.update(note="a, b", bare=None, list=[[1], [2, 3]])}


def make(units: int = 1) -> aseq.Sequential:
    model = aseq.Sequential([layers.Input((1,)), layers.Dense(units, name="line")], seed=0)
    model.compile("sgd", "mse")
    return model


def script(key: str, values: list[Any]) -> dict[str, Any]:
    return {"on_epoch_end": lambda epoch, logs: logs.update({key: values[epoch]})}


async def fit(*listed: Any, epochs: int = 3, model: Any = None, **options: Any) -> Any:
    return await (model or make()).fit(X, 2 * X, epochs=epochs, verbose=0, callbacks=list(listed), **options)


def replace(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def content_of(path: Path) -> bytes:
    return path.read_bytes()


def rows_of(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_text().splitlines()))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestModelCheckpoint:
    async def test_names_epoch_and_values_and_makes_folders(self, tmp_path: Path) -> None:
        path = tmp_path / "deep" / "{epoch:02d}-{val_loss:.2f}.weights.npz"
        await fit(
            script("val_loss", [0.5, 0.25, 0.125]), callbacks.ModelCheckpoint(path, save_weights_only=True)
        )
        assert names(tmp_path / "deep") == [
            "01-0.50.weights.npz",
            "02-0.25.weights.npz",
            "03-0.12.weights.npz",
        ]

    async def test_whole_models_can_be_loaded_and_trained_on(self, tmp_path: Path) -> None:
        model = make()
        await fit(callbacks.ModelCheckpoint(tmp_path / "{epoch}.aseq"), epochs=2, model=model)
        loaded = await aseq.load_model(tmp_path / "2.aseq")
        assert np.array_equal(loaded.get_weights()[0], model.get_weights()[0])
        assert loaded.optimizer.iterations == 2

    @pytest.mark.parametrize(
        ("options", "values", "saved"),
        [
            ({}, [3, 1, 2, 0], ["1", "2", "4"]),
            ({"mode": "max"}, [3, 1, 4, 0], ["1", "3"]),
            ({"initial_value_threshold": 2.5}, [3, 1, 2, 0], ["2", "4"]),
            ({}, [float("nan"), 1, 2, 3], ["2"]),
        ],
    )
    async def test_only_the_best(
        self, tmp_path: Path, options: dict[str, Any], values: list[float], saved: list[str]
    ) -> None:
        best = callbacks.ModelCheckpoint(
            tmp_path / "{epoch}.weights.npz", save_best_only=True, save_weights_only=True, **options
        )
        await fit(script("val_loss", values), best, epochs=4)
        assert names(tmp_path) == [f"{number}.weights.npz" for number in saved]

    async def test_only_the_best_without_the_value_warns_and_saves_nothing(self, tmp_path: Path) -> None:
        best = callbacks.ModelCheckpoint(
            tmp_path / "m.weights.npz", save_best_only=True, save_weights_only=True
        )
        with pytest.warns(UserWarning, match="val_loss"):
            await fit(best, epochs=1)
        assert names(tmp_path) == []

    async def test_every_so_many_batches_across_epochs(self, tmp_path: Path) -> None:
        path = tmp_path / "{epoch}-{batch}.weights.npz"
        listed = callbacks.ModelCheckpoint(path, save_weights_only=True, save_freq=3)
        await fit(listed, epochs=2, batch_size=8)  # 4 batches an epoch
        assert names(tmp_path) == ["1-3.weights.npz", "2-2.weights.npz"]

    async def test_a_fit_leaves_its_burst_only_for_the_batches_that_are_saved(self, tmp_path: Path) -> None:
        yields: list[int] = []
        listed = [
            callbacks.ModelCheckpoint(tmp_path / "{epoch}-{batch}.aseq", save_freq=12),
            {"on_yield": lambda epoch, batch, logs: yields.append(batch)},
        ]
        await fit(*listed, epochs=2, batch_size=1, yield_every=10_000)  # 32 batches an epoch
        assert yields == [11, 23, 31, 3, 15, 27, 31]
        assert names(tmp_path) == ["1-12.aseq", "1-24.aseq", "2-16.aseq", "2-28.aseq", "2-4.aseq"]

    async def test_an_epoch_cut_short_is_not_saved(self, tmp_path: Path) -> None:
        def fail(batch: int, logs: Any) -> None:
            if model.optimizer.iterations == 3:
                raise OSError("planted")

        model = make()
        listed = [callbacks.ModelCheckpoint(tmp_path / "{epoch}.weights.npz", save_weights_only=True)]
        with pytest.raises(OSError, match="planted"):
            await fit(*listed, {"on_train_batch_end": fail}, model=model, batch_size=16)
        assert names(tmp_path) == ["1.weights.npz"]

    async def test_a_template_that_asks_for_too_much_says_what_there_is(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"name some of epoch, loss, received 'val_loss'"):
            await fit(callbacks.ModelCheckpoint(tmp_path / "{val_loss}.weights.npz", save_weights_only=True))

    @pytest.mark.parametrize(
        "arguments",
        [("m.h5",), ("m.npz", "val_loss", 0, False, True), ("m.aseq", "val_loss", 0, False, False, "auto", "day"),
         ("m.aseq", "happiness", 0, True), ("m.aseq", "val_loss", 0, False, False, "auto", 0)],
    )  # fmt: skip
    def test_wrong_arguments_are_refused_at_once(self, arguments: tuple[Any, ...]) -> None:
        with pytest.raises(ConfigError):
            callbacks.ModelCheckpoint(*arguments)


class TestWeights:
    async def test_come_back_bit_for_bit_during_a_fit_too(self, tmp_path: Path) -> None:
        model, path = make(), tmp_path / "w.weights.npz"
        await model.save_weights(path)
        saved = model.get_weights()

        async def reset(epoch: int, logs: Any) -> None:
            await model.load_weights(path)

        await fit({"on_epoch_end": reset}, model=model, epochs=1)
        assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), saved, strict=True))
        with np.load(path, allow_pickle=False) as archive:
            assert list(archive) == ["0/line/kernel", "1/line/bias"]

    async def test_of_another_model_change_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "w.weights.npz"
        await make(3).save_weights(path)
        other = make(2)
        before = other.get_weights()
        with pytest.raises(FormatError, match=r"line/kernel of shape \(1, 2\), found \(1, 3\)"):
            await other.load_weights(path)
        assert np.array_equal(before[0], other.get_weights()[0])
        deeper = aseq.Sequential([layers.Input((1,)), layers.Dense(3), layers.Dense(1)])
        with pytest.raises(FormatError, match="expected 4 weights, found 2"):
            await deeper.load_weights(path)

    async def test_damaged_foreign_and_missing_files(self, tmp_path: Path) -> None:
        path = tmp_path / "w.weights.npz"
        with pytest.raises(SourceError, match="No such file"):
            await make().load_weights(path)
        await make().save_weights(path)
        whole = content_of(path)
        buffer = io.BytesIO()
        np.savez(buffer, kernel=np.ones(3))
        pickled = io.BytesIO()
        np.savez(pickled, **{"0/line/kernel": np.array([{}], dtype=object)})
        for content in (
            b"",
            whole[: len(whole) // 2],
            b"PK" + whole[2:40],
            buffer.getvalue(),
            pickled.getvalue(),
        ):
            replace(path, content)
            with pytest.raises(FormatError, match=r"w\.weights\.npz"):
                await make().load_weights(path)

    async def test_a_failed_write_leaves_the_old_file(self, tmp_path: Path) -> None:
        model, path = make(), tmp_path / "w.weights.npz"
        await model.save_weights(path)
        before = content_of(path)
        unwritable = np.array([lambda: 0], dtype=object)
        with pytest.raises((AttributeError, pickle.PicklingError)):
            write_weights(path, [("line/kernel", X), ("line/bias", unwritable)])
        assert content_of(path) == before
        assert names(tmp_path) == ["w.weights.npz"]

    async def test_wrong_endings_and_unbuilt_models(self, tmp_path: Path) -> None:
        for door in (make().save_weights, make().load_weights):
            with pytest.raises(ConfigError, match=r"\.weights\.npz"):
                await door(tmp_path / "w.h5")
        with pytest.raises(NotBuiltError):
            await aseq.Sequential([layers.Dense(1)]).save_weights(tmp_path / "w.weights.npz")


class TestCSVLogger:
    async def rows(self, path: Path, *listed: Any, **options: Any) -> list[list[str]]:
        await fit(*listed, **options)
        return rows_of(path)

    async def test_a_row_an_epoch(self, tmp_path: Path) -> None:
        path = tmp_path / "log.csv"
        history = await fit(callbacks.CSVLogger(path), validation_split=0.25)
        rows = rows_of(path)
        assert rows[0] == ["epoch", "loss", "val_loss"]
        assert [int(row[0]) for row in rows[1:]] == [0, 1, 2]
        assert [float(row[2]) for row in rows[1:]] == history.history["val_loss"]

    async def test_columns_wait_for_a_late_validation(self, tmp_path: Path) -> None:
        path = tmp_path / "log.csv"
        rows = await self.rows(path, callbacks.CSVLogger(path), validation_split=0.25, validation_freq=2)
        assert rows[0] == ["epoch", "loss", "val_loss"]
        assert [row[2] == "NA" for row in rows[1:]] == [True, False, True]

    async def test_appends_without_a_second_header(self, tmp_path: Path) -> None:
        path = tmp_path / "log.csv"
        logger = callbacks.CSVLogger(path, separator=";", append=True)
        await fit(logger)
        rows = await self.rows(path, logger)
        assert [row[0].split(";")[0] for row in rows] == ["epoch", "0", "1", "2", "0", "1", "2"]

    async def test_begins_anew_otherwise(self, tmp_path: Path) -> None:
        path = tmp_path / "log.csv"
        replace(path, b"something else")
        assert len(await self.rows(path, callbacks.CSVLogger(path))) == 4

    async def test_rows_are_on_disk_when_the_next_epoch_begins(self, tmp_path: Path) -> None:
        path, lines = tmp_path / "log.csv", []
        look = {"on_epoch_begin": lambda epoch, logs: lines.append(len(path.read_text().splitlines()))}
        await fit(callbacks.CSVLogger(path), look)
        assert lines == [0, 2, 3]

    async def test_an_array_stands_in_one_field(self, tmp_path: Path) -> None:
        path = tmp_path / "log.csv"
        several = script("f1_score", [np.array([0.25, 0.5])] * 3)
        rows = await self.rows(path, several, callbacks.CSVLogger(path))
        assert [row[1] for row in rows] == ["f1_score", *["[0.25, 0.5]"] * 3]

    async def test_what_is_no_number_is_written_as_it_is(self, tmp_path: Path) -> None:
        path = tmp_path / "log.csv"
        rows = await self.rows(path, NOTES, callbacks.CSVLogger(path), epochs=1)
        assert rows[0] == ["epoch", "bare", "list", "loss", "note"]
        assert rows[1][1:3] + rows[1][4:] == ["", "[[1], [2, 3]]", "a, b"]


FOLDER_MAKERS = {
    "CSVLogger": lambda folder: callbacks.CSVLogger(folder / "log.csv"),
    "BackupAndRestore": lambda folder: callbacks.BackupAndRestore(folder, delete_checkpoint=False),
    "ModelCheckpoint": lambda folder: callbacks.ModelCheckpoint(folder / "m.aseq"),
    "ModelCheckpoint-weights": lambda folder: callbacks.ModelCheckpoint(
        folder / "m.weights.npz", save_weights_only=True
    ),
}


@pytest.mark.parametrize("make_callback", FOLDER_MAKERS.values(), ids=FOLDER_MAKERS)
class TestFolders:
    async def test_are_made_as_needed(self, tmp_path: Path, make_callback: Any) -> None:
        await fit(make_callback(tmp_path / "deep" / "er"), epochs=1)
        assert len(names(tmp_path / "deep" / "er")) == 1

    async def test_that_cannot_be_made_are_named(self, tmp_path: Path, make_callback: Any) -> None:
        replace(tmp_path / "file", b"")
        with pytest.raises(SourceError, match=r"a folder to write it into, received .* for '.*file/in'"):
            await fit(make_callback(tmp_path / "file" / "in"), epochs=1)


class TestRemoteMonitor:
    @pytest.fixture
    async def server(self) -> Any:
        received: list[Any] = []

        async def take(request: web.Request) -> web.Response:
            if request.content_type == "application/json":
                received.append((request.headers.get("X-Key"), await request.json()))
            else:
                received.append(dict(await request.post()))
            return web.Response(status=self.status)

        self.status = 200
        app = web.Application()
        app.router.add_post("/publish/epoch/end/", take)
        self.received = received
        server = TestServer(app)
        await server.start_server()
        yield server
        await server.close()

    async def test_posts_every_epoch_as_json(self, server: TestServer) -> None:
        monitor = callbacks.RemoteMonitor(
            str(server.make_url("/")), headers={"X-Key": "7"}, send_as_json=True
        )
        history = await fit(monitor)
        expected = [("7", {"epoch": i, "loss": loss}) for i, loss in enumerate(history.history["loss"])]
        assert self.received == expected

    async def test_posts_arrays_as_lists(self, server: TestServer) -> None:
        monitor = callbacks.RemoteMonitor(str(server.make_url("/")), send_as_json=True)
        await fit(script("f1_score", [np.array([0.25, 0.5])]), monitor, epochs=1)
        assert self.received[0][1]["f1_score"] == [0.25, 0.5]

    @pytest.mark.parametrize("as_json", [True, False])
    async def test_posts_what_is_no_number(self, server: TestServer, as_json: bool) -> None:
        odd = {"on_epoch_end": lambda epoch, logs: logs.update(when=1j, small=np.float32(0.5))}
        monitor = callbacks.RemoteMonitor(str(server.make_url("/")), send_as_json=as_json)
        await fit(NOTES, odd, monitor, epochs=1)
        sent = self.received[0][1] if as_json else json.loads(self.received[0]["data"])
        del sent["loss"]
        expected = {
            "epoch": 0,
            "note": "a, b",
            "bare": None,
            "list": [[1], [2, 3]],
            "when": "1j",
            "small": 0.5,
        }
        assert sent == expected

    async def test_posts_a_form_field(self, server: TestServer) -> None:
        await fit(callbacks.RemoteMonitor(str(server.make_url("/")), field="log"), epochs=1)
        (form,) = self.received
        assert form["log"].startswith('{"epoch": 0, "loss": ')

    async def test_a_server_that_refuses_is_a_warning(self, server: TestServer) -> None:
        self.status = 503
        with pytest.warns(UserWarning, match="epoch 1 .* it answered 503"):
            await fit(callbacks.RemoteMonitor(str(server.make_url("/"))), epochs=1)

    async def test_a_server_that_is_not_there_is_a_warning(self, unused_tcp_port: int) -> None:
        with pytest.warns(UserWarning, match="could not send epoch 1"):
            history = await fit(callbacks.RemoteMonitor(f"http://127.0.0.1:{unused_tcp_port}"), epochs=1)
        assert history.epoch == [0]


class TestTensorBoard:
    def events(self, folder: Path) -> list[Any]:
        """(tag, step, value) of all scalars; the file format is read by hand."""
        from tensorboardX.proto.event_pb2 import Event

        (path,) = folder.iterdir()
        content, found, at = path.read_bytes(), [], 0
        while at < len(content):
            (size,) = struct.unpack_from("<Q", content, at)
            event = Event.FromString(content[at + 12 : at + 12 + size])
            at += 16 + size
            found += [(v.tag, event.step, v) for v in event.summary.value]
        return found

    def scalars(self, folder: Path) -> list[Any]:
        return [
            (tag, step, v.simple_value) for tag, step, v in self.events(folder) if v.HasField("simple_value")
        ]

    async def test_epochs_of_training_and_validation(self, tmp_path: Path) -> None:
        history = await fit(callbacks.TensorBoard(tmp_path), validation_split=0.25)
        for folder, key in (("train", "loss"), ("validation", "val_loss")):
            expected = [("epoch_loss", i, pytest.approx(v)) for i, v in enumerate(history.history[key])]
            assert self.scalars(tmp_path / folder) == expected

    async def test_an_array_is_a_curve_an_entry(self, tmp_path: Path) -> None:
        await fit(script("f1_score", [np.array([0.25, 0.5])]), callbacks.TensorBoard(tmp_path), epochs=1)
        found = self.scalars(tmp_path / "train")
        assert found[1:] == [("epoch_f1_score_0", 0, 0.25), ("epoch_f1_score_1", 0, 0.5)]

    async def test_batches_when_asked(self, tmp_path: Path) -> None:
        board = callbacks.TensorBoard(tmp_path, update_freq=3, write_steps_per_second=True)
        await fit(board, epochs=2, batch_size=8)
        found = self.scalars(tmp_path / "train")
        assert [(tag, step) for tag, step, _ in found if tag == "batch_loss"] == [
            ("batch_loss", 3),
            ("batch_loss", 6),
        ]
        assert all(v > 0 for tag, _, v in found if tag == "epoch_steps_per_second")

    @pytest.mark.parametrize(
        ("options", "bursts"), [({"update_freq": 12}, [11, 23, 31]), ({"write_steps_per_second": True}, [31])]
    )
    async def test_a_fit_leaves_its_burst_only_to_write(
        self, tmp_path: Path, options: dict[str, Any], bursts: list[int]
    ) -> None:
        yields: list[int] = []
        listed = {"on_yield": lambda epoch, batch, logs: yields.append(batch)}
        board = callbacks.TensorBoard(tmp_path, **options)
        await fit(listed, board, epochs=1, batch_size=1, yield_every=10_000)
        assert yields == bursts

    async def test_what_is_no_number_is_left_out(self, tmp_path: Path) -> None:
        await fit(NOTES, callbacks.TensorBoard(tmp_path), epochs=1)
        assert [tag for tag, _, _ in self.scalars(tmp_path / "train")] == ["epoch_loss"]

    async def test_histograms_of_weights(self, tmp_path: Path) -> None:
        await fit(callbacks.TensorBoard(tmp_path, histogram_freq=2), epochs=4)
        found = [(tag, step) for tag, step, v in self.events(tmp_path / "train") if v.HasField("histo")]
        tags = ["line/kernel/histogram", "line/bias/histogram"]
        assert found == [(tag, step) for step in (1, 3) for tag in tags]

    def test_what_is_not_supported_is_refused(self) -> None:
        for wrong in (
            {"profile_batch": 2},
            {"embeddings_freq": 1},
            {"update_freq": 0},
            {"update_freq": "often"},
        ):
            with pytest.raises(ConfigError):
                callbacks.TensorBoard(**wrong)
