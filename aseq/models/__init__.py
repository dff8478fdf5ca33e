"""Models: layers with the doors through which they are trained, evaluated and asked."""

from aseq.models._events import BatchEnd, EpochBegin, EpochEnd, TrainEnd
from aseq.models._load import load_model
from aseq.models._sequential import Sequential

__all__ = ["BatchEnd", "EpochBegin", "EpochEnd", "Sequential", "TrainEnd", "load_model"]
