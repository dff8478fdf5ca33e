"""Every error aseq raises on purpose.

    AseqError
    ├── ShapeError            (ValueError)    an array does not fit the layer, the model or its partner
    ├── DataError             (ValueError)    the data cannot be used: labels, lengths, NaN, empty
    │   ├── SourceError       (OSError)       bytes cannot be had: missing, refused, unreachable
    │   │   ├── SourceTruncated               the bytes ended before their promised length
    │   │   └── SourceChanged                 the content changed between two tries
    │   ├── ParseError                        bytes arrived but are not what was declared; has line and column
    │   └── StreamConsumed                    an iterator that can be read once was asked for a second pass
    ├── ConfigError           (ValueError)    an argument or a config that names nothing or contradicts itself
    ├── FormatError           (ValueError)    a saved file that cannot be read; has path
    ├── NotCompiledError      (RuntimeError)  training or evaluation before compile()
    ├── NotBuiltError         (RuntimeError)  weights asked for before the input shape is known
    ├── BusyError             (RuntimeError)  a second fit on a model that is being fitted
    └── WorkerLost            (RuntimeError)  the worker that ran a job died

Messages have one form: `where: expected what, received got. The way out.`

Every error can be copied and sent to another process: `args` are what its constructor takes by place, whatever
else it knows is an attribute, and the message is put together when it is asked for.
"""

from __future__ import annotations

__all__ = [
    "AseqError",
    "BusyError",
    "ConfigError",
    "DataError",
    "FormatError",
    "NotBuiltError",
    "NotCompiledError",
    "ParseError",
    "ShapeError",
    "SourceChanged",
    "SourceError",
    "SourceTruncated",
    "StreamConsumed",
    "WorkerLost",
]


class AseqError(Exception):
    """Root of all errors that aseq raises on purpose."""


class ShapeError(AseqError, ValueError):
    """Raised when an array's shape does not fit its place, before any weight changes."""


class DataError(AseqError, ValueError):
    """Raised when data cannot be trained on: wrong labels, unequal lengths, NaN targets, nothing at all."""


class SourceError(DataError, OSError):
    """Raised when the bytes of a source cannot be had.

    Args:
        source: URL or path, as the user gave it.
        problem: What happened and the way out, in one or two sentences.
    """

    def __init__(self, source: str, problem: str) -> None:
        super().__init__(source, problem)
        self.source = source
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.source}: {self.problem}"


class SourceTruncated(SourceError):
    """Raised when a body or file ended before its promised length."""


class SourceChanged(SourceError):
    """Raised when a source's content changed between two tries, so that its rows would mix."""


class ParseError(DataError):
    """Raised when bytes are not the records they were declared to be.

    Args:
        source: URL or path, as the user gave it.
        problem: What was expected, what was received and the way out.
        line: 1-based line of the source on which the record starts, if known.
        column: Name or 1-based number of the column, if known.
    """

    def __init__(
        self, source: str, problem: str, *, line: int | None = None, column: str | int | None = None
    ) -> None:
        super().__init__(source, problem)
        self.source = source
        self.problem = problem
        self.line = line
        self.column = column

    def __str__(self) -> str:
        line = "" if self.line is None else f", line {self.line}"
        column = "" if self.column is None else f", column {self.column!r}"
        return f"{self.source}{line}{column}: {self.problem}"


class StreamConsumed(DataError):
    """Raised when something that can be iterated only once is iterated again."""


class ConfigError(AseqError, ValueError):
    """Raised when an argument or a config names nothing that exists, or contradicts another."""


class FormatError(AseqError, ValueError):
    """Raised when a saved file cannot be read.

    Args:
        path: File or URL.
        problem: What was expected and what was found.
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


class NotCompiledError(AseqError, RuntimeError):
    """Raised when a model is trained or evaluated before `compile()`."""


class NotBuiltError(AseqError, RuntimeError):
    """Raised when weights are needed before the model knows its input shape."""


class BusyError(AseqError, RuntimeError):
    """Raised when a model that is being fitted is asked to start another fit."""


class WorkerLost(AseqError, RuntimeError):
    """Raised when the worker process that ran a job died."""
