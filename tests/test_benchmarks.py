"""The benchmarks run: every suite once, in small, on aseq alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SMALL = ["--rounds", "1", "--seconds", "0.01", "--megabytes", "1", "--only", "MLP 64", "--no-peers"]


def run(*arguments):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("suite", "row"),
    [
        ("steps", "MLP 64-32-10, batch 128"),
        ("fit", "MLP 64-32-10, batch 128"),
        ("lag", "MLP 64-32-10, batch 32"),
        ("rows", "785 columns"),
        ("memory", "20 columns"),
        ("imports", "on top of import numpy"),
        ("mnist", "MNIST"),
    ],
)
def test_suite(suite, row):
    done = run(suite, *SMALL)
    assert done.returncode == 0, done.stderr
    assert row in done.stdout
    assert not done.stderr


def test_a_peer_that_is_not_there_is_named_with_the_way_to_get_it():
    options = [option for option in SMALL if option != "--no-peers"]
    done = run("steps", *options, "--peer-python", "/nowhere/python", "--node-modules", "/nowhere")
    assert done.returncode == 0, done.stderr
    for hint in ("PyTorch is left out", "Keras is left out", "/nowhere/python -m pip install torch", "tf.js"):
        assert hint in " ".join(done.stdout.split())


def test_an_unknown_suite_is_refused():
    done = run("speed")
    assert done.returncode == 2
    assert "steps, fit, lag, rows, memory, imports, mnist" in done.stderr
