"""What every model offers, whatever its layers."""

from __future__ import annotations

from typing import NoReturn

from aseq.models._evaluate import EvaluateDoors
from aseq.models._events import EventDoors
from aseq.models._predict import PredictDoors
from aseq.models._weights import WeightDoors

__all__ = ["Model"]


class Model(EventDoors, EvaluateDoors, PredictDoors, WeightDoors):
    """What every model offers, whatever its layers: see `Sequential`."""

    def __reduce__(self) -> NoReturn:
        kind = type(self).__name__
        raise TypeError(
            f"{self.name}: a model cannot be copied or pickled, as it holds what its tasks wait for. Make another "
            f"one with {kind}.from_config(model.get_config()), then set_weights(model.get_weights()); or save it."
        )
