"""Callbacks: what users hang into a fit, with Keras's names and arguments."""

from aseq.callbacks._backup import BackupAndRestore
from aseq.callbacks._callback import Callback, CallbackList, LambdaCallback
from aseq.callbacks._checkpoint import ModelCheckpoint
from aseq.callbacks._csv_logger import CSVLogger
from aseq.callbacks._early_stopping import EarlyStopping
from aseq.callbacks._history import History
from aseq.callbacks._learning_rate import LearningRateScheduler, ReduceLROnPlateau
from aseq.callbacks._progress import ProgressBar
from aseq.callbacks._registry import get
from aseq.callbacks._remote_monitor import RemoteMonitor
from aseq.callbacks._swap_ema import SwapEMAWeights
from aseq.callbacks._tensorboard import TensorBoard
from aseq.callbacks._terminate_on_nan import TerminateOnNaN

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgressBar",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
    "get",
]
