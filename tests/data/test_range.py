"""The resume rules as tables: no server, no loop."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aseq.data._range import Answer, Head, Transfer, Version
from aseq.errors import SourceChanged, SourceError

OLD, LATER, JUST_NOW = (formatdate(seconds, usegmt=True) for seconds in (1000, 2000, 1000.5))
STRONG = {"etag": '"1"', "content-length": "10"}
CONTENT = b"0123456789"


def interrupted(headers: dict[str, str], consumed: int = 4, status: int = 200) -> Transfer:
    transfer = Transfer("http://host/a.csv")
    assert transfer.begin(Head(status, headers, "http://host/a.csv")) is Answer.BODY
    transfer.feed(CONTENT[:consumed])
    return transfer


def part(start: int, total: int | str = 10, **headers: str) -> Head:
    return Head(206, {"content-range": f"bytes {start}-9/{total}", **headers}, "http://host/a.csv")


def whole(**headers: str) -> Head:
    return Head(200, {name.replace("_", "-"): value for name, value in headers.items()}, "http://host/a.csv")


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"etag": '"1"'}, '"1"'),
        ({"etag": '"1"', "last-modified": OLD, "date": LATER}, '"1"'),
        ({"etag": 'W/"1"'}, None),
        ({"etag": "1"}, None),
        ({"etag": '"1'}, None),
        ({"etag": '"1", "2"'}, None),
        ({"etag": '"\x01"'}, None),
        ({"etag": '"\udcff"'}, None),
        ({"etag": '"\udcff"', "last-modified": OLD, "date": LATER}, OLD),
        ({"last-modified": OLD, "date": LATER}, OLD),
        ({"etag": 'W/"1"', "last-modified": OLD, "date": LATER}, OLD),
        ({"last-modified": OLD, "date": OLD}, None),
        ({"last-modified": OLD}, None),
        ({"last-modified": "yesterday", "date": LATER}, None),
        ({}, None),
    ],
)
def test_only_a_strong_validator_is_good_for_joining(headers: dict[str, str], validator: str | None) -> None:
    assert Version.of(Head(200, headers)).validator == validator
    asked = interrupted({**headers, "content-length": "10"}).request_headers()
    assert asked.get("If-Range") == validator
    assert asked.get("Range") == (None if validator is None else "bytes=4-")


@pytest.mark.parametrize("consumed", [0, 4])
def test_identity_is_asked_for_always_and_a_part_only_after_bytes(consumed: int) -> None:
    asked = interrupted(STRONG, consumed).request_headers()
    assert asked["Accept-Encoding"] == "identity"
    assert ("Range" in asked) == (consumed > 0)


def test_a_server_that_says_none_is_not_asked_for_ranges() -> None:
    assert "Range" not in interrupted({**STRONG, "accept-ranges": "none"}).request_headers()


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ({"content-length": "10"}, 10),
        ({"content-length": "10", "transfer-encoding": "chunked"}, None),
        *(({"content-length": text}, None) for text in ("", "-1", "+1", "1_0", "²", "٣", "9" * 30)),
        ({}, None),
    ],
)
def test_a_length_is_known_if_it_is_stated(headers: dict[str, str], length: int | None) -> None:
    assert Version.of(Head(200, headers)).length == length


def test_a_part_goes_on_where_the_loss_was() -> None:
    transfer = interrupted(STRONG)
    assert transfer.begin(part(4, etag='"1"')) is Answer.BODY
    assert transfer.feed(CONTENT[4:]) == CONTENT[4:]
    assert transfer.complete


@pytest.mark.parametrize("again", [{"etag": '"1"', "content_length": "10"}, {"etag": '"1"'}, {}])
def test_a_whole_answer_is_read_and_what_is_known_of_it_dropped(again: dict[str, str]) -> None:
    transfer = interrupted(STRONG)
    assert transfer.begin(whole(**again)) is Answer.BODY
    assert transfer.feed(CONTENT[:2]) == b""
    assert transfer.feed(CONTENT[2:7]) == CONTENT[4:7]
    assert transfer.feed(CONTENT[7:]) == CONTENT[7:]
    assert transfer.complete


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (STRONG, whole(etag='"2"', content_length="10")),
        (STRONG, whole(etag='"1"', content_length="11")),
        (STRONG, part(4, etag='"2"')),
        (STRONG, part(4, total=11, etag='"1"')),
        (STRONG, whole(etag='"1"', content_length="10", content_encoding="gzip")),
        ({"etag": 'W/"1"', "content-length": "10"}, whole(etag='W/"2"', content_length="10")),
        ({"last-modified": OLD, "content-length": "10"}, whole(last_modified=LATER, content_length="10")),
        ({"content-length": "10"}, whole(content_length="9")),
        (STRONG, Head(416, {"content-range": "bytes */3"}, "http://host/a.csv")),
        (STRONG, Head(416, {"content-range": "bytes */20"}, "http://host/a.csv")),
    ],
)
def test_another_version_is_refused(first: dict[str, str], again: Head) -> None:
    with pytest.raises(SourceChanged, match=r"http://host/a\.csv: the content changed .* byte 4 of 10"):
        interrupted(first).begin(again)


@pytest.mark.parametrize(
    "again",
    [
        whole(etag='W/"1"', content_length="10"),  # the weak form of the same tag
        whole(last_modified=LATER, etag='"1"', content_length="10"),  # a touched file: the tag decides
        whole(content_length="10"),
    ],
)
def test_what_only_looks_different_is_accepted(again: Head) -> None:
    assert interrupted(STRONG).begin(again) is Answer.BODY


def test_a_prefix_that_differs_is_refused_even_without_validators() -> None:
    transfer = interrupted({"content-length": "10"})
    transfer.begin(whole(content_length="10"))
    with pytest.raises(SourceChanged, match="its first 4 bytes are not what they were"):
        transfer.feed(b"012X456789")


def test_before_the_first_byte_any_version_will_do() -> None:
    transfer = interrupted(STRONG, consumed=0)
    assert transfer.begin(whole(etag='"2"', content_length="3")) is Answer.BODY
    assert transfer.feed(b"abc") == b"abc"
    assert transfer.complete


@pytest.mark.parametrize(
    "content_range",
    ["bytes 3-9/10", "bytes 5-9/10", "bytes */10", "items 4-9/10", "4-9/10", "", "bytes 4-/10"],
)
def test_a_part_that_starts_elsewhere_is_refused(content_range: str) -> None:
    head = Head(206, {"content-range": content_range, "etag": '"1"'}, "http://host/a.csv")
    with pytest.raises(SourceError, match="Content-Range to start at byte 4"):
        interrupted(STRONG).begin(head)


@pytest.mark.parametrize(
    ("content_range", "length", "says"),
    [
        ("bytes 4-3/10", "6", "expected a range of bytes"),
        ("bytes 4-10/10", "7", "expected a range of bytes"),
        ("bytes 4-9/10", "10", "expected 6 bytes, received .* Content-Length 10"),
        ("bytes 4-9/*", "5", "expected 6 bytes, received .* Content-Length 5"),
    ],
)
def test_a_part_whose_headers_contradict_each_other_is_refused(
    content_range: str, length: str, says: str
) -> None:
    headers = {"content-range": content_range, "content-length": length, "etag": '"1"'}
    with pytest.raises(SourceError, match=says):
        interrupted(STRONG).begin(Head(206, headers, "http://host/a.csv"))


def test_a_part_that_nobody_asked_for_is_refused() -> None:
    with pytest.raises(SourceError, match="HTTP 206"):
        Transfer("http://host/a.csv").begin(part(0))


def test_the_end_is_where_416_says_it_is() -> None:
    transfer = interrupted(
        {"etag": '"1"'}, consumed=10
    )  # no length was promised, and the last chunk was lost
    assert not transfer.complete
    assert transfer.begin(Head(416, {"content-range": "bytes */10"})) is Answer.END
    assert transfer.complete


def test_416_without_a_length_proves_nothing() -> None:
    with pytest.raises(SourceError, match="HTTP 416"):
        interrupted({"etag": '"1"'}).begin(Head(416, {}))


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_passing_faults_are_tried_again(status: int) -> None:
    assert Transfer("x").begin(Head(status, {})) is Answer.AGAIN


@pytest.mark.parametrize(
    "status", [201, 202, 204, 206, 302, 304, 400, 401, 403, 404, 410, 416, 418, 501, 999]
)
def test_refusals_are_final(status: int) -> None:
    with pytest.raises(SourceError, match=rf"x: expected its content, received HTTP {status}"):
        Transfer("x").begin(Head(status, {}))


def test_a_short_body_is_no_end() -> None:
    transfer = interrupted(STRONG)
    transfer.finish()
    assert not transfer.complete


def test_without_a_promised_length_the_end_of_the_body_is_the_end() -> None:
    transfer = interrupted({})
    transfer.finish()
    assert transfer.complete


def test_a_second_reading_that_ends_sooner_is_another_version() -> None:
    transfer = interrupted({})
    transfer.begin(whole())
    transfer.feed(CONTENT[:3])
    with pytest.raises(SourceChanged, match="ended 1 bytes before"):
        transfer.finish()


def test_an_empty_content_is_complete_at_once() -> None:
    transfer = Transfer("x")
    transfer.begin(Head(200, {"content-length": "0"}))
    assert transfer.complete


def test_more_than_promised_is_refused() -> None:
    with pytest.raises(SourceError, match="expected 10 bytes, received more"):
        interrupted(STRONG).feed(b"1234567")


def test_a_content_longer_than_allowed_is_refused_by_its_length_or_as_it_comes() -> None:
    with pytest.raises(SourceError, match="at most 9 bytes, received 10"):
        Transfer("x", max_bytes=9).begin(Head(200, STRONG))
    transfer = Transfer("x", max_bytes=9)
    transfer.begin(Head(200, {}))
    with pytest.raises(SourceError, match="at most 9 bytes, received 10"):
        transfer.feed(CONTENT)


def test_a_part_from_another_address_is_not_joined() -> None:
    transfer = interrupted(STRONG)
    elsewhere = Head(206, {"content-range": "bytes 4-9/10", "etag": '"1"'}, "http://mirror/a.csv")
    assert transfer.begin(elsewhere) is Answer.AGAIN
    assert "Range" not in transfer.request_headers()
    transfer.begin(Head(200, {"etag": '"mirror"', "content-length": "10"}, "http://mirror/a.csv"))
    assert transfer.feed(CONTENT) == CONTENT[4:]


def test_a_part_after_a_second_reading_that_broke_off_is_not_cut() -> None:
    transfer = interrupted(STRONG)
    transfer.begin(whole(etag='"1"', content_length="10"))
    transfer.feed(CONTENT[:2])  # lost again before the known bytes were over; the next answer is a part
    assert transfer.begin(part(4, etag='"1"')) is Answer.BODY
    assert transfer.feed(CONTENT[4:]) == CONTENT[4:]
    assert transfer.complete


def test_a_part_need_not_repeat_what_the_whole_said() -> None:
    transfer = interrupted({"etag": '"1"', "content-encoding": "gzip", "last-modified": OLD})
    assert transfer.begin(part(4)) is Answer.BODY
    transfer.feed(CONTENT[4:6])
    assert transfer.request_headers()["If-Range"] == '"1"'
    assert transfer.length == 10


@settings(max_examples=400)
@given(
    content=st.binary(min_size=1, max_size=60),
    losses=st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=8),
    strong=st.booleans(),
    length_known=st.booleans(),
)
def test_any_sequence_of_losses_gives_every_byte_once(
    content: bytes, losses: list[tuple[int, bool]], strong: bool, length_known: bool
) -> None:
    transfer = Transfer("x")
    total = len(content)
    base = ({"etag": '"1"'} if strong else {}) | ({"content-length": str(total)} if length_known else {})
    received = b""
    for sent, ranges in [*losses, (total, True)]:
        asked = transfer.request_headers().get("Range") if ranges else None
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if start == total:
            assert transfer.begin(Head(416, {"content-range": f"bytes */{total}"})) is Answer.END
            break
        headers = {"content-range": f"bytes {start}-{total - 1}/{total}", "etag": '"1"'} if asked else base
        assert transfer.begin(Head(206 if asked else 200, headers)) is Answer.BODY
        received += transfer.feed(content[start : start + sent])
        if start + sent >= total:
            transfer.finish()
        if transfer.complete:
            break
    assert transfer.complete
    assert received == content
