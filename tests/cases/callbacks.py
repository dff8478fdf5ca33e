"""Callbacks, in small fits."""

from __future__ import annotations

from aiohttp import web
from aiohttp.test_utils import TestServer

from aseq import callbacks as c
from aseq.testing import CallbackCase


class Counter(c.Callback):
    """A callback of a user's own."""

    def on_train_begin(self, logs=None):
        self.epochs = 0

    def on_epoch_end(self, epoch, logs=None):
        self.epochs += 1


class Monitored(c.RemoteMonitor):
    """A RemoteMonitor that brings its server along."""

    async def on_train_begin(self, logs=None):
        async def answer(request):
            await request.read()
            return web.Response()

        self.server = TestServer(web.Application())
        self.server.app.router.add_post("/publish/epoch/end/", answer)
        await self.server.start_server()
        self.url = str(self.server.make_url("/publish/epoch/end/"))
        await super().on_train_begin(logs)

    async def on_train_end(self, logs=None):
        await super().on_train_end(logs)
        if hasattr(self, "server"):
            await self.server.close()


AVERAGING = {"class_name": "SGD", "config": {"use_ema": True}}

CASES = [
    CallbackCase(id="Callback-own", covers=("CallbackList",), factory=lambda d: Counter()),
    CallbackCase(id="History", factory=lambda d: c.History()),
    CallbackCase(id="LambdaCallback", factory=lambda d: c.LambdaCallback(on_epoch_end=lambda epoch, logs: None)),
    CallbackCase(id="CSVLogger", factory=lambda d: c.CSVLogger(d / "log.csv")),
    CallbackCase(id="EarlyStopping", factory=lambda d: c.EarlyStopping(patience=0, min_delta=10), observes=False),
    CallbackCase(id="EarlyStopping-restore", factory=lambda d: c.EarlyStopping(patience=1, min_delta=10, restore_best_weights=True), observes=False),
    CallbackCase(id="ReduceLROnPlateau", factory=lambda d: c.ReduceLROnPlateau(patience=1, min_delta=10), observes=False, adds=("learning_rate", "lr")),
    CallbackCase(id="LearningRateScheduler", factory=lambda d: c.LearningRateScheduler(lambda epoch, rate: rate / 2), observes=False, adds=("learning_rate", "lr")),
    CallbackCase(id="ModelCheckpoint", factory=lambda d: c.ModelCheckpoint(d / "{epoch}.weights.npz", save_weights_only=True)),
    CallbackCase(id="BackupAndRestore", factory=lambda d: c.BackupAndRestore(d)),
    CallbackCase(id="TerminateOnNaN", factory=lambda d: c.TerminateOnNaN()),
    CallbackCase(id="TensorBoard", factory=lambda d: c.TensorBoard(d / "logs")),
    CallbackCase(id="RemoteMonitor", factory=lambda d: Monitored()),
    CallbackCase(id="SwapEMAWeights", factory=lambda d: c.SwapEMAWeights(), observes=False, optimizer=AVERAGING),
    CallbackCase(id="SwapEMAWeights-epoch", factory=lambda d: c.SwapEMAWeights(swap_on_epoch=True), observes=False, optimizer=AVERAGING),
    CallbackCase(id="ProgressBar", factory=lambda d: c.ProgressBar()),
]  # fmt: skip
