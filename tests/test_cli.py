"""The commands, called as the console script calls them."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import aseq
from aseq import datasets
from aseq.cli import main
from aseq.cli._heartbeat import Heartbeat
from aseq.cli._table import survey

ROOT = Path(__file__).parent.parent
DIGITS = str(datasets.digits())


@pytest.fixture
def iris(tmp_path):
    """Three kinds of flowers, easily told apart; two fields are missing."""
    rng = np.random.default_rng(0)
    lines = ["length,width,species"]
    for length, width, species in [(1, 5, "setosa"), (4, 2, "versicolor"), (7, 7, "virginica")] * 60:
        lines.append(f"{length + rng.normal(0, 0.3):.3f},{width + rng.normal(0, 0.3):.3f},{species}")
    lines[10] = lines[10].split(",", 1)[0] + ",,versicolor" if "versicolor" in lines[10] else lines[10]
    path = tmp_path / "iris.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def model(iris, capsys):
    path = iris.with_name("iris.aseq")
    assert (
        main(["fit", str(iris), "--label", "species", "--save", str(path), "--seed", "1", "--epochs", "12"])
        == 0
    )
    capsys.readouterr()
    return path


@pytest.mark.may_block  # the imports of aiohttp and pyarrow, before the heartbeat begins
def test_demo_reaches_its_accuracy(capsys):
    assert main(["demo"]) == 0
    out = capsys.readouterr().out
    assert float(re.search(r"Test accuracy +([\d.]+)%", out)[1]) >= 95
    assert re.search(r"Loop lag +p50 [\d.]+ ms, p99 [\d.]+ ms, max [\d.]+ ms while training", out)


def test_fit_evaluate_predict(iris, capsys):
    saved = iris.with_name("iris.aseq")
    fit = ["fit", str(iris), "--label", "species", "--validation-split", "0.25", "--seed", "1"]
    assert main([*fit, "--epochs", "15", "--save", str(saved)]) == 0
    out = capsys.readouterr().out
    assert "180 rows, 2 features, 'species' to learn, 3 classes (setosa, versicolor, virginica)" in out
    assert "val_accuracy 1.0000" in out

    assert main(["evaluate", str(saved), str(iris)]) == 0
    assert "accuracy 1\n" in capsys.readouterr().out

    assert main(["predict", str(saved), str(iris), "-o", str(iris.with_name("out.csv"))]) == 0
    lines = iris.with_name("out.csv").read_text().splitlines()
    assert lines[0] == "prediction,probability"
    expected = [line.rsplit(",", 1)[1] for line in iris.read_text().splitlines()[1:]]
    assert [line.split(",")[0] for line in lines[1:]] == expected


def test_predict_needs_no_label_and_any_order_of_columns(iris, model, capsys):
    assert main(["predict", str(model), str(iris)]) == 0
    expected = capsys.readouterr().out
    rows = [line.split(",") for line in iris.read_text().splitlines()]
    bare = iris.with_name("bare.csv")
    bare.write_text("\n".join(f"{width},{length}" for length, width, _ in rows) + "\n")
    assert main(["predict", str(model), str(bare)]) == 0
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize("header", [True, False])
def test_columns_can_be_left_out(iris, capsys, header):
    """Beside the two features of numbers, one of text before them and one behind the label."""
    rows = [line.split(",") for line in iris.read_text().splitlines()]
    wide = [["the name", *rows[0], "note"], *(["x", *row, "y"] for row in rows[1:])]
    files = {"wide": wide, "bare": [row[:3] + row[4:] for row in wide], "iris": rows}
    for name, table in files.items():
        lines = [",".join(row) for row in table]
        iris.with_name(f"{name}.csv").write_text("\n".join(lines[not header :]) + "\n")
    wide, bare, saved = (str(iris.with_name(name)) for name in ("wide.csv", "bare.csv", "wide.aseq"))
    options = [] if header else ["--no-header"]
    fit = ["fit", wide, "--label", "-2", "--epochs", "12", "--seed", "1", "--save", saved, *options]
    assert main(fit) == 2
    first = "'the name'" if header else "column_0"
    assert f"Leave the column out with --drop {first}, or" in capsys.readouterr().err
    assert main([*fit, "--drop", "the name" if header else "0", "--drop", "-1"]) == 0
    assert "2 features" in capsys.readouterr().out
    assert main(["evaluate", saved, wide]) == 0
    assert "accuracy 1\n" in capsys.readouterr().out
    assert main(["predict", saved, wide]) == 0
    expected = capsys.readouterr().out
    assert main(["predict", saved, bare]) == 0
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize(
    ("options", "header"), [([], "prediction,probability"), (["--outputs"], "output_0,output_1,output_2")]
)
def test_no_rows_are_a_header_alone(iris, model, capsys, options, header):
    empty = iris.with_name("empty.csv")
    empty.write_text("length,width,species\n")
    assert main(["predict", str(model), str(empty), *options]) == 0
    assert capsys.readouterr().out == f"{header}\n"


def test_files_without_header(tmp_path, capsys):
    saved = str(tmp_path / "digits.aseq")
    assert (
        main(["fit", DIGITS, "--no-header", "--label", "-1", "--epochs", "2", "--save", saved, "--quiet"])
        == 0
    )
    assert "64 features, 'column_64' to learn, 10 classes" in capsys.readouterr().out
    assert main(["predict", saved, DIGITS, "--outputs"]) == 0
    expected = capsys.readouterr().out
    assert expected.startswith("output_0,output_1,")
    assert len(expected.splitlines()) == 1798


@pytest.mark.parametrize(("sign", "given"), [(";", ";"), ("\t", "tab"), ("\t", "\\t")])
def test_files_with_another_delimiter(iris, capsys, sign, given):
    iris.write_text(iris.read_text().replace(",", sign))
    model = str(iris.with_name("iris.aseq"))
    assert (
        main(["fit", str(iris), "--label", "species", "--delimiter", given, "--save", model, "--quiet"]) == 0
    )
    assert "2 features, 'species' to learn, 3 classes" in capsys.readouterr().out
    assert main(["evaluate", model, str(iris)]) == 0
    assert main(["predict", model, str(iris)]) == 0


def test_a_quantity_is_learned_with_mse(tmp_path, capsys):
    x = np.random.default_rng(0).uniform(-1, 1, (400, 2))
    table = np.column_stack([x, x @ [2.0, -1.0]])
    path = tmp_path / "plane.csv"
    np.savetxt(path, table, "%.4f", ",", header="a,b,c", comments="")
    saved = str(tmp_path / "plane.aseq")
    fit = ["fit", str(path), "--label", "c", "--epochs", "30", "--layers", "1", "--learning-rate", "0.01"]
    assert main([*fit, "--save", saved, "--seed", "3"]) == 0
    assert "a quantity" in capsys.readouterr().out
    assert main(["predict", saved, str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "prediction"
    assert np.abs(np.array(lines[1:], float) - table[:, 2]).max() < 0.1


def test_a_seed_makes_fit_repeatable(iris, capsys):
    fit = ["fit", str(iris), "--label", "species", "--epochs", "2", "--seed", "5", "--quiet"]
    outputs = []
    for _ in range(2):
        assert main(fit) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]


def test_saved_weights_are_those_of_the_file(model):
    loaded = asyncio.run(aseq.load_model(model))
    assert loaded.metadata["table"]["classes"] == ["setosa", "versicolor", "virginica"]
    assert loaded.optimizer.iterations == 12 * 6


ERRORS = {
    "no such file": (["fit", "nowhere.csv", "--label", "x"], "nowhere.csv"),
    "standard input": (["fit", "-", "--label", "species"], "only once"),
    "no such column": (["fit", "{iris}", "--label", "colour"], "length, width, species"),
    "no such layer": (["fit", "{iris}", "--label", "species", "--layers", "64 ruly"], "ruly"),
    "not a layer": (["fit", "{iris}", "--label", "species", "--layers", "64relu"], 'expected "64 relu"'),
    "too few units": (["fit", "{iris}", "--label", "species", "--layers", "2 softmax"], "3 units"),
    "no such optimizer": (["fit", "{iris}", "--label", "species", "--optimizer", "adamant"], "adamant"),
    "a format to come": (["fit", "{iris}", "--label", "species", "--save", "m.onnx"], "m.onnx"),
    "no such column to drop": (["fit", "{iris}", "--label", "species", "--drop", "colour"], "--drop: "),
    "nothing left": (["fit", "{iris}", "--label", "0", "--drop", "1", "--drop", "species"], "to learn from"),
    "the label dropped": (["fit", "{iris}", "--label", "species", "--drop", "-1"], "keep the label"),
    "a feature of text": (["fit", "{iris}", "--label", "0"], "line 2, column 'species': expected a number"),
    "too few fields": (["fit", "{short}", "--label", "b"], "expected 2 fields, received 1."),
    "names that are doubled": (["fit", "{digits}", "--label", "-1"], "Give --no-header"),
    "another delimiter": (["fit", "{semicolons}", "--label", "b"], "give --delimiter ';'"),
    "one class": (["fit", "{other}", "--label", "species"], "two classes or more, received only setosa"),
    "a web page": (["fit", "{page}", "--label", "b"], "received a page of HTML"),
    "a label that turns into text": (
        ["fit", "{turn}", "--label", "b"],
        "line 3, column 'b': expected a number",
    ),
    "no folder to save to": (["fit", "{iris}", "--label", "species", "--save", "nodir/m.aseq"], "'nodir'"),
    "no folder to write to": (["predict", "{model}", "{iris}", "-o", "nodir/out.csv"], "'nodir'"),
    "no such model": (["evaluate", "nowhere.aseq", "{iris}"], "nowhere.aseq"),
    "not a model": (["evaluate", "{fake}", "{iris}"], "fake.aseq"),
    "other columns": (["evaluate", "{model}", "{other}"], "other.csv"),
    "columns missing": (["predict", "{model}", "{other}"], "other.csv"),
    "an unknown class": (["evaluate", "{model}", "{unknown}"], "tulip"),
    "no such URL": (["evaluate", "{model}", "http:///iris.csv"], "http:///iris.csv"),
    "bench without a checkout": (["bench", "--rounds", "1"], "checkout"),
}


@pytest.mark.parametrize(("arguments", "says"), ERRORS.values(), ids=ERRORS)
def test_errors_are_one_line_and_exit_code_2(arguments, says, iris, model, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fake.aseq").write_text("not a zip")
    (tmp_path / "other.csv").write_text("height,species\n1,setosa\n")
    (tmp_path / "unknown.csv").write_text("length,width,species\n1,2,tulip\n")
    (tmp_path / "short.csv").write_text("a,b\n1,2\n3\n")
    (tmp_path / "turn.csv").write_text("a,b\n1,2\n3,red\n")
    (tmp_path / "semicolons.csv").write_text("a;b\n1;2\n")
    (tmp_path / "page.csv").write_text("<!doctype html>\n")
    names = {path.stem: path for path in tmp_path.glob("*.csv")}
    names |= {"iris": iris, "model": model, "fake": tmp_path / "fake.aseq", "digits": DIGITS}
    assert main([argument.format(**names) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert captured.err.startswith(f"aseq {arguments[0]}: ")
    assert says in captured.err
    assert "column_configs" not in captured.err, "which a command line does not have"
    assert not captured.out, "before anything is trained"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fit", "x.csv"],
        ["fit", "x.csv", "--label", "y", "--epochs", "0"],
        ["fit", "x.csv", "--label", "y", "--validation-split", "1.5"],
        ["fit", "x.csv", "--label", "y", "--learning-rate", "-1"],
        ["fit", "x.csv", "--label", "y", "--learning-rate", "0"],
        ["fit", "x.csv", "--label", "y", "--learning-rate", "nan"],
        ["fit", "x.csv", "--label", "y", "--learning-rate", "inf"],
        ["fit", "x.csv", "--label", "y", "--validation", "v.csv", "--validation-split", "0.1"],
        ["paint"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_failed_prediction_leaves_the_old_file(iris, model, capsys):
    old = iris.with_name("out.csv")
    old.write_text("what was here")
    broken = iris.with_name("broken.csv")
    broken.write_text(iris.read_text() + "1,2\n")
    assert main(["predict", str(model), str(broken), "-o", str(old)]) == 2
    assert "line 182" in capsys.readouterr().err
    assert old.read_text() == "what was here"
    assert sorted(path.suffix for path in iris.parent.iterdir()) == [".aseq", ".csv", ".csv", ".csv"]


def started(*arguments, **options):
    command = [sys.executable, "-m", "aseq", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    heed = partial(
        signal.signal, signal.SIGINT, signal.SIG_DFL
    )  # tests in the background are started deaf to it
    return subprocess.Popen(command, env=environment, text=True, preexec_fn=heed, **options)


def test_interrupt_ends_cleanly(iris):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with started("fit", iris, "--label", "species", "--epochs", 100_000, "--quiet", **pipes) as process:
        assert "180 rows" in process.stdout.readline()
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert process.returncode == 130
    assert err == "aseq: interrupted\n"


def test_a_reader_that_leaves_is_no_error(model, tmp_path):
    long = tmp_path / "long.csv"
    long.write_text("length,width\n" + "1,2\n" * 200_000)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with started("predict", model, long, **pipes) as process:
        assert process.stdout.readline() == "prediction,probability\n"
        process.stdout.close()
        err = process.stderr.read()
    assert (process.returncode, err) == (0, "")


def test_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert aseq.__version__ in capsys.readouterr().out


async def test_survey_scales_and_counts(tmp_path):
    path = tmp_path / "numbers.csv"
    path.write_text("a,b,y\n1,5,1\n2,5,2\n,5,3\n6,5,1\n")
    found = await survey(str(path), "y", {"has_header": True, "delimiter": ","}, None)
    table = found.table
    assert found.rows == 4
    np.testing.assert_allclose(table.mean, [3, 5])
    assert table.classes == [1, 2, 3]
    batches = table.batches(str(path), 4)
    [(x, y)] = await batches.to_list()
    np.testing.assert_array_equal(y, [0, 1, 2, 0])
    assert x[2, 0] == 3, "a missing value becomes the mean"
    scaled, _ = found.normalization.initialize((None, 2)).forward(x)
    np.testing.assert_allclose(scaled[:, 0], (x[:, 0] - 3) / np.std([1, 2, 6]), rtol=1e-6)
    np.testing.assert_array_equal(scaled[:, 1], 0)
    assert (found.normalization.forward(x + 1)[0] < 2).all(), "a feature that never changed is not blown up"


def block():
    time.sleep(0.1)


@pytest.mark.may_block
async def test_heartbeat_notices_a_blocked_loop():
    async with Heartbeat(0.001) as quiet:
        await asyncio.sleep(0.05)
    async with Heartbeat(0.001) as heartbeat:
        await asyncio.sleep(0.01)
        block()
        await asyncio.sleep(0.01)
    assert heartbeat.milliseconds()[2] > 90 > quiet.milliseconds()[0]
