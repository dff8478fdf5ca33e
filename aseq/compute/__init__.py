"""Where NumPy work runs: worker threads, bursts, BLAS threads, fairness between models.

`Lane.run` is the only way in which aseq enters a thread. `Turns` lets tasks share one model.
`session` is held while a model computes: it settles how many threads the process's BLAS uses.
"""

from aseq.compute._lane import BIG_STEPS, SMALL_STEPS, Lane
from aseq.compute._process import CORES
from aseq.compute._team import Team, session
from aseq.compute._turns import Turns

__all__ = ["BIG_STEPS", "CORES", "SMALL_STEPS", "Lane", "Team", "Turns", "session"]
