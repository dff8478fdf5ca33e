"""The code in README.md and docs/ runs.

`python` blocks run in order in one namespace a page, with `await` at top level as in `python -m asyncio`;
`pycon` blocks are compared with the output they show. Pages may use `url`, where the digits are served.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import doctest
import inspect
import io
import re
import traceback
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

import aseq.testing
from aseq.cli._demo import serve_digits

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^( *)```(python|pycon)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
CHECKER = doctest.OutputChecker()
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(page: Path) -> list[tuple[str, str, int]]:
    """Kind, code and first line of each block."""
    text = page.read_text(encoding="utf-8")
    return [
        (match[2], inspect.cleandoc("\n" + match[3]) + "\n", text[: match.start()].count("\n") + 2)
        for match in BLOCK.finditer(text)
    ]


async def execute(source: str, name: str, line: int, mode: str, namespace: dict[str, Any]) -> None:
    tree = ast.parse(source, name, mode)
    ast.increment_lineno(tree, line - 1)
    result = eval(compile(tree, name, mode, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), namespace)
    if inspect.isawaitable(result):
        await result


async def compare(source: str, page: Path, line: int, namespace: dict[str, Any]) -> None:
    for example in doctest.DocTestParser().get_examples(source):
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                await execute(example.source, str(page), line + example.lineno, "single", namespace)
        except Exception as error:
            if example.exc_msg is None:
                raise
            got = "".join(traceback.format_exception_only(error))
        else:
            got = printed.getvalue()
        assert CHECKER.check_output(example.exc_msg or example.want, got, FLAGS), (
            f"{page.name}:{line + example.lineno}: expected\n{example.want}got\n{got}"
        )


@pytest.mark.may_block  # pages import what they use, and run conformance checks
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
async def test_code_of_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with serve_digits() as url:
        namespace = {"__name__": "__page__", "url": url}
        for kind, source, line in blocks(page):
            if kind == "pycon":
                await compare(source, page, line, namespace)
            else:
                await execute(source, str(page), line, "exec", namespace)


def test_a_wrong_output_is_noticed():
    with pytest.raises(AssertionError, match="expected"):
        compare(">>> 1 + 1\n3\n", Path("page.md"), 1, {}).send(None)


async def test_the_service_of_the_readme_answers_while_it_learns():
    namespace: dict[str, Any] = {"__name__": "__page__"}
    for _, source, line in blocks(ROOT / "README.md"):
        await execute(source, "README.md", line, "exec", namespace)
    async with serve_digits() as url, TestClient(TestServer(namespace["app"])) as client:
        learning = asyncio.create_task(client.post("/train", params={"url": url}))
        answers = []
        while not learning.done():
            answers.append(await (await client.post("/predict", json=[0.0] * 64)).json())
        history = await (await learning).json()
    assert history["accuracy"][-1] > 0.8
    assert len({str(answer) for answer in answers}) > 2, "it changed its mind while it learned"


async def deployed() -> dict[str, Any]:
    """The names of the page about services."""
    namespace: dict[str, Any] = {"__name__": "__page__"}
    for _, source, line in blocks(ROOT / "docs" / "deployment.md"):
        await execute(source, "deployment.md", line, "exec", namespace)
    return namespace


@pytest.mark.may_block  # the import of FastAPI
async def test_the_aiohttp_service_answers_and_refuses(caplog):
    page = await deployed()
    page["app"].add_routes([web.post("/background", page["train_in_background"])])
    async with serve_digits() as url, TestClient(TestServer(page["app"])) as client:
        assert (await client.post("/train")).status == 422
        assert (await client.post("/predict", json=[0.0])).status == 422
        assert (await client.post("/background", params={"url": "nowhere"})).status == 202
        assert (await client.post("/background", params={"url": url})).status == 202
        assert (await client.post("/train", params={"url": url})).status == 409
        assert len(await (await client.post("/predict", json=[0.0] * 64)).json()) == 10
    assert [record.exc_info[0].__name__ for record in caplog.records] == ["ConfigError"]
    assert not page["fits"]


@pytest.mark.may_block  # the import of FastAPI
async def test_the_fastapi_service_answers_and_refuses():
    page = await deployed()
    api = page["api"]
    async with (
        serve_digits() as url,
        api.router.lifespan_context(api),
        httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://service") as client,
    ):
        learned = await client.post("/train", params={"url": url})
        answer = await client.post("/predict", json=[0.0] * 64)
        refused = await client.post("/predict", json=[0.0])
    assert refused.status_code == 422
    assert "(1, 1)" in refused.json()["detail"]
    assert learned.json()["accuracy"][-1] > 0.3
    assert sum(answer.json()) == pytest.approx(1, abs=1e-5)


def test_readme_shows_the_two_commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert ".venv/bin/aseq demo" in text
    assert ".venv/bin/pytest" in text


def components():
    """What the API page describes: everything public, and its methods."""
    rooms = [getattr(aseq, name) for name in aseq.__all__] + [aseq.testing]
    public = [aseq.Sequential, aseq.load_model]
    public += [getattr(room, name) for room in rooms for name in getattr(room, "__all__", ())]
    for component in public:
        members = vars(component).values() if inspect.isclass(component) else ()
        yield from filter(callable, (component, *members))


def test_docstrings_name_arguments_that_are_there():
    for component in components():
        text = f"{inspect.getdoc(component)}\n"
        if section := re.search(r"^Args:\n((?:    .*\n|\n)+)", text, re.MULTILINE):
            named = re.findall(r"^    \*{0,2}(\w+):", section[1], re.MULTILINE)
            assert set(named) <= set(inspect.signature(component).parameters), component


def test_nav_of_the_docs_is_complete():
    listed = set(re.findall(r"[\w-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    assert {page.name for page in PAGES if page.name != "README.md"} == listed
