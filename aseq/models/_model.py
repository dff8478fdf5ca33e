"""What every model offers, whatever its layers."""

from __future__ import annotations

from aseq.models._evaluate import EvaluateDoors
from aseq.models._events import EventDoors
from aseq.models._predict import PredictDoors
from aseq.models._weights import WeightDoors

__all__ = ["Model"]


class Model(EventDoors, EvaluateDoors, PredictDoors, WeightDoors):
    """What every model offers, whatever its layers: see `Sequential`."""
