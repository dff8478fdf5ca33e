"""History: what every fit returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aseq.callbacks._callback import Callback
from aseq.callbacks._values import numeric, scalar
from aseq.callbacks._wording import number
from aseq.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

__all__ = ["History"]


class History(Callback):
    """The logs of each epoch of a fit.

    Attributes:
        history: A list by log key with a float an epoch that had the key; what is no number is kept as it is.
        epoch: The epochs that came to their end, counted from 0.
        params: Of the fit: "epochs", "steps", "verbose" and so on.
        model: The model.

    Examples:
        >>> history = History()
        >>> history.on_train_begin()
        >>> history.on_epoch_end(0, {"loss": 0.5})
        >>> history.on_epoch_end(1, {"loss": 0.25})
        >>> history.epoch, history.history
        ([0, 1], {'loss': [0.5, 0.25]})
        >>> history
        <History of 2 epochs: loss 0.5000 to 0.2500>
    """

    def __init__(self) -> None:
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []
        self._epochs_of: dict[str, list[int]] = {}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin anew."""
        self.history = {}
        self.epoch = []
        self._epochs_of = {}

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep the epoch's logs, if it came to its end."""
        if self.failure is not None:
            return
        self.epoch.append(epoch)
        for key, value in (logs or {}).items():
            one = scalar(value)
            self.history.setdefault(key, []).append(value if one is None else one)
            self._epochs_of.setdefault(key, []).append(epoch)

    def plot(self, keys: Sequence[str] | None = None, *, figure: Figure | None = None) -> Figure:
        """Draw the curves: one panel a measure, training and validation together.

        Args:
            keys: Measures to draw, such as ["loss"]; all that are numbers if not given.
            figure: To draw on, such as `plt.figure()`; a new one, outside pyplot, if not given.

        Returns:
            The matplotlib figure; `figure.savefig("fit.png")` writes it, with or without a screen.

        Raises:
            ConfigError: A key is not in the history, the history is empty, or matplotlib is missing
                (`pip install aseq[plot]`).

        Examples:
            >>> history = History()
            >>> history.on_epoch_end(0, {"loss": 0.5, "val_loss": 0.75})
            >>> [axes.get_ylabel() for axes in history.plot().axes]
            ['loss']
        """
        from aseq.callbacks._plot import plot_history

        curves = self._curves()
        measures = dict.fromkeys(key.removeprefix("val_") for key in (keys or curves))
        known = {key.removeprefix("val_") for key in curves}
        if not measures or not known.issuperset(measures):
            raise ConfigError(
                f"plot: expected measures out of {', '.join(sorted(known)) or 'a history with epochs'}, received "
                f"{', '.join(measures) or 'none'}."
            )
        return plot_history(list(measures), curves, figure)

    def _curves(self) -> dict[str, tuple[list[int], list[Any]]]:
        """Epochs and values by key, where the values are numbers."""
        curves: dict[str, tuple[list[int], list[Any]]] = {}
        for key, values in self.history.items():
            for epoch, value in zip(self._epochs_of.get(key, []), values, strict=False):
                if numeric(value):
                    epochs, drawn = curves.setdefault(key, ([], []))
                    epochs.append(epoch)
                    drawn.append(value)
        return curves

    def __repr__(self) -> str:
        count = f"{len(self.epoch)} epoch{'s' * (len(self.epoch) != 1)}"
        curves = [
            f"{key} {number(values[0])} to {number(values[-1])}"
            for key, (_, values) in self._curves().items()
        ]
        return f"<History of {count}{': ' * bool(curves)}{', '.join(curves)}>"
