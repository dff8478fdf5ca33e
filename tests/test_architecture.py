"""The laws of the house, proven on its source: who imports whom, how long things are, what an import costs."""

from __future__ import annotations

import ast
import importlib
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import aseq

ROOT = Path(aseq.__file__).parent
NUMERIC = ("_batch", "_batches", "_scores", "_step")
"""The half of `training` that knows no asyncio."""

LEVELS = (
    {"_version", "datasets", "errors", "types"},
    {"linalg", "registry"},
    {"activations", "constraints", "initializers", "regularizers"},
    {"layers", "losses", "optimizers"},
    {"metrics"},  # many a metric is a loss, averaged over an epoch
    {"network"},
    {"saving", "training.numeric"},
    {"compute"},
    {"callbacks", "data"},
    {"training"},
    {"models", "parallel"},
    {"cli", "testing"},
    {"__init__", "__main__"},
)
"""Rooms import from lower levels only."""

NO_THREADS_BELOW = LEVELS.index({"compute"})
WORLDLY = {"aiofiles", "aiohttp", "anyio", "asyncio", "concurrent", "multiprocessing", "threading"}
SLOW = {"ctypes", "email", "http.client", "multiprocessing", "pydoc", "sqlite3", "unittest", "xml"}

FILE_LINES = 400
FUNCTION_LINES = 50
USUAL_LINES = 25


def _name(path):
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {_name(path): path for path in sorted(ROOT.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}


def _room(module):
    """The room that a module lives in; the files of `training` make two."""
    _, *rest = module.split(".")
    if not rest:
        return "__init__"
    if rest[0] == "training" and len(rest) > 1 and rest[1] in NUMERIC:
        return "training.numeric"
    return rest[0]


def _imports(module, *, typing=True, lazy=True):
    """Modules that a module imports, those for types and those inside functions too unless unwanted."""
    found = set()

    def visit(node):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test) and not typing:
                continue
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and not lazy:
                continue
            if isinstance(child, ast.Import):
                found.update(alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert not child.level, f"{module}: expected absolute imports"
                for alias in child.names:
                    whole = f"{child.module}.{alias.name}"
                    found.add(whole if whole in FILES else child.module)
            visit(child)

    visit(TREES[module])
    return found


def _level(module):
    return next(index for index, rooms in enumerate(LEVELS) if _room(module) in rooms)


@pytest.mark.parametrize("module", FILES)
def test_imports_point_down(module):
    for other in _imports(module):
        if other == "aseq" or other.partition(".")[0] != "aseq" or _room(other) == _room(module):
            continue
        assert _level(other) < _level(module), f"{module} ({_room(module)}) imports {other} ({_room(other)})"


def test_every_room_has_a_level():
    rooms = {_room(module) for module in FILES}
    assert rooms <= set().union(*LEVELS)


def test_no_import_cycles():
    graph = {
        module: {other for other in _imports(module, typing=False) if other in FILES and other != "aseq"}
        for module in FILES
    }
    seen, path = {}, []

    def visit(module):
        seen[module] = "open"
        path.append(module)
        for other in sorted(graph[module] - {module}):
            assert seen.get(other) != "open", " -> ".join([*path[path.index(other) :], other])
            if other not in seen:
                visit(other)
        path.pop()
        seen[module] = "done"

    for module in graph:
        if module not in seen:
            visit(module)


@pytest.mark.parametrize("module", [m for m in FILES if _level(m) < NO_THREADS_BELOW])
def test_numeric_rooms_know_no_asyncio(module):
    imported = {name.partition(".")[0] for name in _imports(module)}
    assert imported & WORLDLY == set()


@pytest.mark.parametrize("module", FILES)
def test_files_are_short(module):
    lines = len(FILES[module].read_text(encoding="utf-8").splitlines())
    assert lines <= FILE_LINES


def _functions():
    """(name, lines without docstring) of every function, each with what is defined inside it."""
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            lines = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node) is not None:
                lines -= node.body[0].end_lineno - node.body[0].lineno + 1
            yield f"{module}.{node.name}", lines


def test_functions_are_short():
    lengths = dict(_functions())
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES} == {}
    usual = sum(lines < USUAL_LINES for lines in lengths.values()) / len(lengths)
    assert usual > 0.95, "share of functions shorter than 25 lines"
    assert statistics.median(lengths.values()) < 10


def _isort_key(name):
    """CONSTANTS, then Classes, then the rest: the order that ruff keeps."""
    return 0 if name.isupper() else 1 if name.lstrip("_")[:1].isupper() else 2, name


@pytest.mark.parametrize("module", [m for m in FILES if m not in ("aseq._version", "aseq.__main__")])
def test_all_is_there_sorted_and_true(module):
    public = importlib.import_module(module)
    names = public.__all__
    assert list(names) == sorted(set(names), key=_isort_key)
    for name in names:
        assert hasattr(public, name), name


def test_rooms_have_names_that_mean_something():
    vague = re.compile(r"_?(utils?|helpers?|common|base|misc)")
    found = [name for name in FILES if any(vague.fullmatch(part) for part in name.split("."))]
    assert found == []


def test_no_marks_of_unfinished_work():
    marks = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b")
    folders = [ROOT, *(ROOT.parent / name for name in ("tests", "examples", "benchmarks", "docs"))]
    files = [
        path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".md", ".toml")
    ]
    found = [str(path) for path in files if marks.search(path.read_text(encoding="utf-8"))]
    assert found == []


# What importing does ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """Runs code in a fresh interpreter that keeps its compiled modules, and returns what it prints."""
    settings = {
        "PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("compiled")),
        "PYTHONDONTWRITEBYTECODE": "",
    }

    def run(code, *arguments):
        command = [sys.executable, "-W", "error", "-c", code, *arguments]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=ROOT.parent,
            env={**os.environ, **settings},
            timeout=50,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_import_loads_little(python):
    """What makes `import aseq` quick; how quick is for the benchmarks, a test with a clock fails by the machine."""
    bare = set(python("import sys, numpy, anyio, asyncio; print(*sys.modules)").split())
    loaded = set(python("import sys, numpy, anyio, asyncio, aseq; print(*sys.modules)").split()) - bare
    packages = {module.partition(".")[0] for module in loaded} - sys.stdlib_module_names
    assert packages <= {"aseq", "anyio", "idna", "sniffio", "typing_extensions"}
    assert loaded & SLOW == set()


FRESH = """
import importlib, os, sys
import aseq  # comes first whatever module is imported
for module in sys.argv[1:]:
    if module in sys.modules:
        continue
    child = os.fork()
    if not child:
        try:
            importlib.import_module(module)
        except BaseException as error:
            print(module, repr(error), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


def test_every_module_can_be_the_first_to_be_imported(python):
    assert python(FRESH, *(name for name in FILES if name != "aseq.__main__")) == ""


SETTINGS = """
import asyncio, gc, locale, logging, os, random, signal, sys, threading, warnings
import anyio, numpy as np

def settings():
    return {
        "signals": [repr(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
        "root logger": (logging.root.level, list(logging.root.handlers), list(logging.root.filters)),
        "warnings": list(warnings.filters),
        "numpy": (np.geterr(), np.get_printoptions(), np.random.get_state()[1].tolist()),
        "random": random.getstate(),
        "interpreter": (sys.getrecursionlimit(), sys.getswitchinterval(), gc.get_threshold(), gc.isenabled()),
        "hooks": (sys.excepthook, sys.unraisablehook, threading.excepthook, sys.displayhook, sys.gettrace()),
        "threads": threading.enumerate(),
        "loops": asyncio.get_event_loop_policy(),
        "environment": dict(os.environ),
        "locale": locale.setlocale(locale.LC_ALL),
        "paths": (list(sys.path), list(sys.meta_path), os.getcwd()),
    }

before = settings()
for name in sys.argv[1:]:
    __import__(name)
after = settings()
print(*[name for name in before if before[name] != after[name]])
"""


def test_import_changes_no_settings(python):
    rooms = sorted({".".join(name.split(".")[:2]) for name in FILES if name != "aseq.__main__"})
    assert python(SETTINGS, *rooms).split() == []
