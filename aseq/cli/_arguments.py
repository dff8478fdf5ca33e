"""What can be said on the command line."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from aseq._version import __version__
from aseq.cli import _bench, _demo, _evaluate, _fit, _predict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["parser"]

DATA = "CSV file or http(s) URL; gzip, zstd, bz2 and xz are read as they are"


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; `run` in its result is the coroutine function to call with it.

    Examples:
        >>> parser().parse_args(["fit", "iris.csv", "--label", "species"]).epochs
        10
    """
    top = argparse.ArgumentParser(
        prog="aseq", description="Train neural networks on streamed CSV data.", allow_abbrev=False
    )
    top.add_argument("--version", action="version", version=f"aseq {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _fit_arguments(_command(commands, "fit", "train a network on a CSV file", _fit.run))
    _evaluate_arguments(_command(commands, "evaluate", "loss and metrics of a saved model", _evaluate.run))
    _predict_arguments(_command(commands, "predict", "predictions of a saved model, as CSV", _predict.run))
    _command(commands, "demo", "train on handwritten digits over HTTP, and watch the event loop", _demo.run)
    bench = _command(commands, "bench", "measure against other frameworks, in a checkout", _bench.run)
    bench.prefix_chars = "\0"  # what follows is for `python -m benchmarks`, options and all
    bench.add_argument("arguments", nargs="*", help="handed to `python -m benchmarks`")
    return top


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    description: str,
    run: Callable[[argparse.Namespace], Awaitable[None]],
) -> argparse.ArgumentParser:
    added = commands.add_parser(
        name, help=description, description=f"{description[0].upper()}{description[1:]}.", allow_abbrev=False
    )
    added.set_defaults(run=run)
    return added


def _fit_arguments(fit: argparse.ArgumentParser) -> None:
    fit.add_argument("data", metavar="DATA", help=DATA)
    fit.add_argument(
        "--label", required=True, metavar="COLUMN", help="name or index (-1: the last) of the target"
    )
    fit.add_argument(
        "--drop",
        action="append",
        default=[],
        metavar="COLUMN",
        help="leave a column out, such as one of text; may be given several times",
    )
    fit.add_argument("--no-header", action="store_true", help="the first row is data")
    fit.add_argument(
        "--delimiter",
        type=lambda text: "\t" if text in ("tab", "\\t") else text,
        default=",",
        metavar="CHAR",
        help='between fields, such as ";" or tab; default: a comma',
    )
    fit.add_argument(
        "--layers",
        metavar="LAYERS",
        help='such as "64 relu, dropout 0.2, 10 softmax"; chosen by the label if not given',
    )
    fit.add_argument("--loss", help="such as mse; chosen by the label if not given")
    fit.add_argument("--optimizer", default="adam", help="default: adam")
    fit.add_argument("--learning-rate", type=_rate, metavar="RATE", help="that of the optimizer if not given")
    fit.add_argument("--epochs", type=_count, default=10, metavar="N", help="default: 10")
    fit.add_argument("--batch-size", type=_count, default=32, metavar="N", help="default: 32")
    held = fit.add_mutually_exclusive_group()
    held.add_argument("--validation", metavar="DATA", help="validate on this after each epoch")
    held.add_argument("--validation-split", type=_share, metavar="F", help="or on this share, the last rows")
    fit.add_argument("--save", metavar="PATH", help="write the model to PATH, ending in .aseq")
    fit.add_argument("--seed", type=_seed, metavar="N", help="makes the run repeatable")
    fit.add_argument("--quiet", action="store_true", help="no progress")


def _evaluate_arguments(evaluate: argparse.ArgumentParser) -> None:
    evaluate.add_argument("model", metavar="MODEL", help="file written by `aseq fit --save`")
    evaluate.add_argument("data", metavar="DATA", help=DATA)
    evaluate.add_argument("--batch-size", type=_count, default=256, metavar="N", help="default: 256")


def _predict_arguments(predict: argparse.ArgumentParser) -> None:
    predict.add_argument("model", metavar="MODEL", help="file written by `aseq fit --save`")
    predict.add_argument("data", metavar="DATA", help=f"{DATA}; with or without the label")
    predict.add_argument("-o", "--output", metavar="OUT.csv", help="instead of standard output")
    predict.add_argument("--outputs", action="store_true", help="all outputs instead of the best class")
    predict.add_argument("--batch-size", type=_count, default=256, metavar="N", help="default: 256")


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, received {text}")
    return number


def _seed(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"expected 0 or more, received {text}")
    return number


def _share(text: str) -> float:
    number = float(text)
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"expected a number between 0 and 1, received {text}")
    return number


def _rate(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, received {text}")
    return number


_count.__name__ = "whole number"  # argparse shows it: invalid whole number value: 'x'
_seed.__name__ = "whole number"
_share.__name__ = "number"
_rate.__name__ = "number"
