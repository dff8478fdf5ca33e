"""Errors travel: a copy of one, or one from another process, says and knows what the first did."""

from __future__ import annotations

import copy
import pickle

import pytest

from aseq import errors

ARGUMENTS = {
    "SourceError": [(("http://host/a.csv", "expected it, received HTTP 404."), {})],
    "SourceTruncated": [(("a.csv.gz", "expected a whole gzip content."), {})],
    "SourceChanged": [(("http://host/a.csv", "the content changed."), {})],
    "FormatError": [(("model.aseq", "expected a model."), {})],
    "ParseError": [
        (("a.csv", "expected a number."), {}),
        (("a.csv", "expected a number."), {"line": 3}),
        (("a.csv", "expected a number."), {"line": 3, "column": "b"}),
        (("a.csv", "expected a number."), {"column": 2}),
    ],
}
CASES = [
    (name, *arguments)
    for name in errors.__all__
    for arguments in ARGUMENTS.get(name, [(("what is wrong",), {})])
]


@pytest.mark.parametrize(
    "travel", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))]
)
@pytest.mark.parametrize(("name", "arguments", "options"), CASES)
def test_an_error_survives_a_journey(name, arguments, options, travel):
    error = getattr(errors, name)(*arguments, **options)
    error.add_note("in callback History")
    arrived = travel(error)
    assert type(arrived) is type(error)
    assert (str(arrived), vars(arrived)) == (str(error), vars(error))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "a.csv: bad"),
        ({"line": 3}, "a.csv, line 3: bad"),
        ({"line": 3, "column": "b"}, "a.csv, line 3, column 'b': bad"),
        ({"column": 2}, "a.csv, column 2: bad"),
    ],
)
def test_a_parse_error_says_where(options, message):
    assert str(errors.ParseError("a.csv", "bad", **options)) == message
