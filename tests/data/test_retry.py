from __future__ import annotations

import random
import time

import pytest

from aseq.data._retry import Budget, Pace, parse_http_date, parse_retry_after


def test_waits_double_up_to_half_a_minute() -> None:
    budget = Budget(9, random=lambda: 1.0)
    assert [budget.spend() for _ in range(9)] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert budget.spend() is None


def test_half_of_each_wait_is_chance() -> None:
    low = Budget(3, random=lambda: 0.0)
    assert [low.spend() for _ in range(3)] == [0.25, 0.5, 1.0]


def test_progress_refills_the_budget() -> None:
    budget = Budget(1, random=lambda: 1.0)
    for _ in range(100):
        assert budget.spend() == 0.5
        budget.refill()


def test_no_retries_means_none() -> None:
    assert Budget(0, random=random.random).spend() is None


def test_a_million_failures_do_not_overflow() -> None:
    budget = Budget(10**9, random=lambda: 1.0)
    budget.failures = 10**6
    assert budget.spend() == 30.0


@pytest.mark.parametrize(("asked", "wait"), [(None, 0.5), (0.0, 0.5), (7.0, 7.0), (1e9, 120.0)])
def test_a_server_may_ask_for_patience_but_not_for_ever(asked: float | None, wait: float) -> None:
    assert Budget(1, random=lambda: 1.0).spend(asked) == wait


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        (" 120 ", 120.0),
        ("Thu, 01 Jan 1970 00:16:45 GMT", 5.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("9" * 400, 999999999.0),
        ("-5", None),
        ("soon", None),
        ("١٢", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after(text: str | None, seconds: float | None) -> None:
    assert parse_retry_after(text, now=1000.0) == seconds


@pytest.mark.parametrize(
    "text", ["Thu, 99 Jan 1970 00:00:00 GMT", "Thu, 01 Jan 999999 00:00:00 GMT", "x", None]
)
def test_what_is_no_date_is_none(text: str | None) -> None:
    assert parse_http_date(text) is None


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the system has one time zone")
@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 -0000",
    ],
)
def test_all_forms_of_a_date_mean_the_same_wherever_they_are_read(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert parse_http_date(text) == 784111777.0
    finally:
        monkeypatch.undo()
        time.tzset()


def test_jitter_leaves_the_users_seed_alone() -> None:
    random.seed(1)
    expected = random.random()
    random.seed(1)
    Pace().random()
    assert random.random() == expected
