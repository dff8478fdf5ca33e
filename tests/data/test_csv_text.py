"""The cutter and the field splitter: any split of any text gives the records of the csv module."""

from __future__ import annotations

import csv
import io
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aseq.data._csv_text import Cut, RecordCutter, Squeeze, count_lines, records
from aseq.errors import ParseError

TRICKY = b'a,"b ""x"" ,\r\ny",c\r\n\r\n5" wide,"",z"z\n"q"tail"x,\xc3\xa9,"\xe2\x82\xac\n"\r\nlast,"end",1'

texts = st.text(alphabet='ab,"\n\r é', max_size=60)
splits = st.lists(st.integers(min_value=0, max_value=70), max_size=6)


def reference(text: str) -> list[list[str]]:
    return [row for row in csv.reader(io.StringIO(text, newline="")) if row and row != [""]]


def cut(data: bytes, places: list[int]) -> list[Cut]:
    cutter = RecordCutter(None, "test", b",", 1 << 20)
    places = sorted({0, len(data), *(place for place in places if place < len(data))})
    pieces = [data[a:b] for a, b in itertools.pairwise(places)]
    return [cut for piece in pieces for cut in cutter.feed(piece)] + list(cutter.flush())


def fields(cuts: list[Cut]) -> list[list[str]]:
    return [record.fields for cut in cuts for record in records(cut, b",")]


def test_every_split_of_a_tricky_text_gives_the_same_records():
    whole = reference(TRICKY.decode())
    assert len(whole) == 4
    for first in range(len(TRICKY)):
        for second in range(first, len(TRICKY), 7):
            cuts = cut(TRICKY, [first, second])
            assert fields(cuts) == whole
            assert b"".join(cut.data for cut in cuts) == TRICKY


@given(texts, splits)
@settings(max_examples=500, deadline=None)
def test_any_split_of_any_text_gives_the_records_of_the_csv_module(text: str, places: list[int]):
    data = text.encode()
    cuts = cut(data, places)
    if cuts and cuts[-1].open:
        return  # the csv module closes what nothing closes; here it is an error of its own
    got = [row for row in fields(cuts) if row != [""]]
    # Single empty fields aside: the csv module cannot tell `""` from an empty line.
    assert got == reference(text)


@given(texts, splits)
@settings(max_examples=300, deadline=None)
def test_cuts_are_the_text_and_know_their_lines(text: str, places: list[int]):
    data = text.replace("\r", "").encode()
    cuts = cut(data, places)
    assert b"".join(cut.data for cut in cuts) == data
    line = 1
    for each in cuts:
        assert each.line == line
        assert each.quoted == (b'"' in each.data)
        line += count_lines(each.data)


def test_a_byte_order_mark_is_no_part_of_the_first_field_however_it_is_split():
    data = b'\xef\xbb\xbf"a",b\n'
    for place in range(len(data)):
        assert fields(cut(data, [place])) == [["a", "b"]]
    assert fields(cut(b"\xef\xbb", [1])) == [["\udcef\udcbb"]]


def test_cuts_come_as_soon_as_a_record_is_whole():
    cutter = RecordCutter(None, "test", b",", 100)
    assert [each.data for each in cutter.feed(b'a,b\n1,"')] == [b"a,b\n"]
    assert list(cutter.feed(b"\n\n\n")) == []
    assert [each.data for each in cutter.feed(b'"\n2')] == [b'1,"\n\n\n"\n']
    assert [(each.data, each.line) for each in cutter.flush()] == [(b"2", 6)]


def test_a_large_chunk_is_cut_into_several_blocks():
    cuts = cut(b"1,2\n" * 2_000_000, [])
    assert len(cuts) == 4
    assert max(len(each.data) for each in cuts) <= 2 << 20


def test_an_endless_record_is_an_error_that_names_its_line():
    cutter = RecordCutter(None, "x.csv", b",", 1000)
    assert len(list(cutter.feed(b'a\nb\n"open\n'))) == 1
    endless = (cut for _ in range(1000) for cut in cutter.feed(b"text\n"))
    with pytest.raises(ParseError, match=r"x.csv, line 3: expected records of at most 1000 bytes.*quote"):
        list(endless)


def test_an_unclosed_quote_is_marked_in_cut_and_record():
    last = cut(b'1,2\n3,"4', [2])[-1]
    assert last.open
    assert [(r.fields, r.unclosed) for r in records(last, b",")] == [(["3", "4"], True)]


def test_records_know_their_lines():
    block = Cut(b'\n\na,"x\n\ny"\nb,c\n\nd', 10)
    assert [(record.line, record.fields[0]) for record in records(block, b",")] == [
        (12, "a"),
        (15, "b"),
        (17, "d"),
    ]


def test_whitespace_is_squeezed_outside_of_quotes_only():
    (squeezed,) = Squeeze().feed(Cut(b'  1 \t 2  \r\n"a  b"   3\n   4', 1))
    assert squeezed.data == b'1 2\r\n"a  b" 3\n4'


@pytest.mark.parametrize(
    ("data", "squeezed"),
    [(b"1 2\r 3 4 \r", b"1 2\r3 4\r"), (b"1\r \n2", b"1\r\r\n2"), (b"1 \r\n 2", b"1\r\n2")],
)
def test_squeezing_keeps_all_line_ends(data, squeezed):
    assert [cut.data for cut in Squeeze().feed(Cut(data, 1))] == [squeezed]
    assert count_lines(squeezed) == count_lines(data)
