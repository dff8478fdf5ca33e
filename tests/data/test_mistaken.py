"""Files that are no CSV are refused by their first line, and text passes whatever its pieces."""

from __future__ import annotations

from typing import Any

import pytest

from aseq import data
from aseq.data._mistaken import Recognize
from aseq.errors import ParseError

PAGE = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>\n"

OTHERS = {
    "page": (PAGE, "a page of HTML"),
    "page behind a mark and blanks": (b"\xef\xbb\xbf\r\n\n  <html lang='en'>\n", "a page of HTML"),
    "page without an end of line": (b"<!doctype HTML><title>Not found</title>", "a page of HTML"),
    "XML": (b'<?xml version="1.0"?>\n<Error/>\n', "HTML or XML"),
    "workbook": (b"PK\x03\x04\x14\0\6\0\x08" + bytes(100), "Excel workbook"),
    "Parquet": (b"PAR1\x15\x04\x15" + bytes(100), "data.parquet"),
    "Arrow": (b"ARROW1\0\0" + bytes(100), "data.arrow"),
}


@pytest.mark.parametrize(("content", "words"), OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("options", [{}, {"has_header": False, "on_error": "skip"}, {"label": -1}])
async def test_a_file_of_another_kind_is_named(content: bytes, words: str, options: dict[str, Any]) -> None:
    with pytest.raises(ParseError, match=words):
        await data.csv(data.MemorySource(content, chunk_size=3), **options).to_list()


@pytest.mark.parametrize(
    "text", [b"PK\nPAR1\n<html>\n", b"par1,par2\n1,2\n", b"<html5>,b\n1,2\n", b"\n\nP\n1\n", b"x", b""]
)
@pytest.mark.parametrize("size", [1, 1000])
def test_text_passes(text: bytes, size: int) -> None:
    stage = Recognize(None, "t.csv")
    pieces = [piece for at in range(0, len(text), size) for piece in stage.feed(text[at : at + size])]
    assert b"".join([*pieces, *stage.flush()]) == text


def test_the_first_row_is_not_kept_waiting() -> None:
    assert list(Recognize(None, "t.csv").feed(b"P,1\n")) == [b"P,1\n"]
