"""Several stages run in one go, in a worker thread or not, and may be told to leave off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aseq.data._stages import Stage

__all__ = ["Chain"]


class Chain:
    """Stages one after the other, run to the end of what can be done with the input at hand.

    Examples:
        >>> import numpy as np
        >>> from aseq.data._block import Columns
        >>> from aseq.data._stages import Batch, Take
        >>> chain = Chain([Take(None, 3), Batch(None, 2, False)])
        >>> group, error = chain.feed([Columns(np.arange(5), 5)])
        >>> group[0].items, chain.is_done()
        ([array([0, 1])], True)
        >>> chain.flush()[0][0].items
        [array([2])]
    """

    def __init__(self, stages: list[Stage]) -> None:
        self.stages = stages
        self.interrupted = False
        self.exposed = False  # whether the call that runs has come to what others see

    def is_done(self) -> bool:
        """True once some stage needs no more input, or nobody wants any output."""
        return self.interrupted or any(stage.done for stage in self.stages)

    def interrupt(self) -> bool:
        """Make a call that runs in another thread return soon; what it returns is of no use.

        Returns:
            True if nobody needs to wait for it: it ends by itself, and does nothing more that others see.
        """
        self.interrupted = True
        return not self.exposed

    @property
    def blocking(self) -> bool:
        """True if some stage belongs into a worker thread."""
        return any(stage.blocking for stage in self.stages)

    def feed(self, blocks: Iterable[Any]) -> tuple[list[Any], Exception | None]:
        """Push blocks through all stages.

        Args:
            blocks: Walked lazily, and no further than needed.

        Returns:
            The blocks that came out, and what was raised after them, if anything.
        """
        self.exposed = not isinstance(blocks, list | tuple)  # anything else is made as it is walked
        return _collect(self._fed(blocks))

    def flush(self) -> tuple[list[Any], Exception | None]:
        """Push out what the stages still hold; returns as `feed` does."""
        self.exposed = False
        return _collect(self._flushed())

    def close(self) -> None:
        """Close all stages."""
        for stage in self.stages:
            stage.close()

    def _enter(self, stage: Stage) -> bool:
        """Note what a stage is about to do; False if nobody wants it any more."""
        # In this order, without a lock: either this sees the interrupt, or the interrupt sees this.
        self.exposed = self.exposed or stage.exposed
        return not self.interrupted

    def _fed(self, blocks: Iterable[Any]) -> Iterator[Any]:
        if self.interrupted:
            return
        for block in blocks:
            yield from self._through(0, block)
            if self.is_done():
                return

    def _through(self, position: int, block: Any) -> Iterator[Any]:
        if position == len(self.stages):
            yield block
            return
        stage = self.stages[position]
        if not self._enter(stage):
            return
        for out in stage.feed(block):
            yield from self._through(position + 1, out)
            if self.interrupted or any(stage.done for stage in self.stages[position + 1 :]):
                return

    def _flushed(self) -> Iterator[Any]:
        finished = [position for position, stage in enumerate(self.stages) if stage.done]
        first = finished[-1] + 1 if finished else 0  # what stands before a stage that is done is of no use
        for position, stage in enumerate(self.stages[first:], first):
            if not self._enter(stage):
                return
            for out in stage.flush():
                yield from self._through(position + 1, out)
                if self.interrupted or any(stage.done for stage in self.stages[position + 1 :]):
                    break


def _collect(blocks: Iterator[Any]) -> tuple[list[Any], Exception | None]:
    """Keep what came before an exception: elements that are ready are delivered first."""
    ready: list[Any] = []
    try:
        for block in blocks:
            if not len(block):
                continue
            ready.append(block)
    except Exception as error:
        return ready, error
    return ready, None
