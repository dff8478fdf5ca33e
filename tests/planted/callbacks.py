"""Callbacks at fault."""

from __future__ import annotations

from aseq.callbacks import Callback
from aseq.testing import CallbackCase


class Watches(Callback):
    """Keeps the last loss, without a defect."""

    def __init__(self, directory):
        self.directory = directory

    def on_epoch_end(self, epoch, logs=None):
        self.last = (logs or {}).get("loss")


class WritesAtOnce(Watches):
    def __init__(self, directory):
        super().__init__(directory)
        (directory / "begun").write_text("")


class KeepsFile(Watches):
    kept = []

    def on_train_begin(self, logs=None):
        self.file = open(self.directory / "log", "w")
        self.kept.append(self.file)


class ClosesAfterLastEpoch(KeepsFile):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 2:
            self.file.close()


class CountsOn(Watches):
    epochs = 0

    def on_epoch_end(self, epoch, logs=None):
        self.epochs += 1
        self.model.stop_training = self.epochs > 3


class Paints(Watches):
    def on_epoch_end(self, epoch, logs=None):
        logs["loss"] = 0.0


class EveryOther(Watches):
    """Behaves differently from instance to instance."""

    made = 0

    def __init__(self, directory):
        super().__init__(directory)
        type(self).made += 1
        self.number = self.made

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = self.number % 2 == 0


class Silences(Watches):
    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        if name != "on_epoch_begin":
            return found

        def quiet(*arguments):
            try:
                found(*arguments)
            except Exception:
                return

        return quiet


class Meddles(Watches):
    def on_epoch_end(self, epoch, logs=None):
        self.model.set_weights([0 * weight for weight in self.model.get_weights()])


class SharedList(Watches):
    def __init__(self, directory, things=[]):
        super().__init__(directory)


def row(factory):
    return CallbackCase(id="Callback-defect", factory=factory)


SOUND = [row(Watches)]

CALLBACKS = {
    "init_does_nothing": row(WritesAtOnce),
    "hooks_come_in_order": row(KeepsFile),
    "ends_on_error": row(ClosesAfterLastEpoch),
    "ends_on_cancel": row(ClosesAfterLastEpoch),
    "works_again": row(CountsOn),
    "logs_are_kept": row(Paints),
    "async_hooks_are_equal": row(EveryOther),
    "errors_name_it": row(Silences),
    "default_arguments": row(SharedList),
    "leaves_training_alone": row(Meddles),
}
