"""JSON as Go decodes it; tests/integration/test_readable.py compares with podman itself."""

from __future__ import annotations

import json
import re
from math import isinf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paack.helpers.oci.go_json import JSONProblem, ListOf, MapOf, Scalar, Struct, decode, read

INNER = Struct({"Name": Scalar.TEXT, "Test": ListOf(Scalar.TEXT)})
OUTER = Struct(
    {
        "text": Scalar.TEXT,
        "flag": Scalar.FLAG,
        "number": Scalar.INT,
        "time": Scalar.TIME,
        "data": Scalar.BYTES,
        "words": Scalar.STRSLICE,
        "labels": MapOf(Scalar.TEXT),
        "set": MapOf(Struct({})),
        "inner": INNER,
        "list": ListOf(INNER),
    }
)
TAKEN: dict[str, tuple[bytes, object]] = {
    "nothing": (b"{}", {}),
    "null": (b" null\n", {}),
    "unknown": (b'{"x": [1, {"y": null}], "text": "a"}', {"text": "a"}),
    "other case": (b'{"TEXT": "a", "Inner": {"nAmE": "b"}}', {"text": "a", "inner": {"Name": "b"}}),
    "long s": ('{"te\u017ft": 1, "li\u017ft": []}'.encode(), {"list": []}),
    "no fold to ASCII": ('{"\u0131nner": 5}'.encode(), {}),
    "twice": (b'{"text": "a", "text": "b"}', {"text": "b"}),
    "twice, then null": (b'{"text": "a", "text": null}', {"text": "a"}),
    "an object twice": (
        b'{"labels": {"a": "1"}, "labels": {"b": "2"}, "inner": {"Name": "x"}, "inner": {}}',
        {"labels": {"a": "1", "b": "2"}, "inner": {"Name": "x"}},
    ),
    "a list twice": (b'{"words": ["a", "b"], "words": ["c"]}', {"words": ["c"]}),
    "a map set to null": (b'{"labels": {"a": "1"}, "labels": null}', {}),
    "nulls": (
        b'{"text": null, "flag": null, "time": null, "inner": null, "labels": {"a": null}}',
        {"labels": {"a": None}},
    ),
    "numbers": (b'{"number": -9223372036854775808}', {"number": -(1 << 63)}),
    "minus 0": (b'{"number": -0}', {"number": 0}),
    "escapes": (
        rb'{"te\u0078t": "a\n\u00e9\ud83d\ude00\ud800\/"}',
        {"text": "a\n\xe9\U0001f600\ufffd/"},
    ),
    "not UTF-8": (b'{"text": "a\xff", "\xff": 1}', {"text": "a\ufffd"}),
    "a word": (b'{"words": "a b"}', {"words": "a b"}),
    "base64": (b'{"data": "e30="}', {"data": "e30="}),
    "base64 in lines": (rb'{"data": "e3\r\n0="}', {"data": "e3\r\n0="}),
    "bytes": (b'{"data": [0, 255]}', {"data": [0, 255]}),
    "a set": (b'{"set": {"a": {"b": 5}, "c": null}}', {"set": {"a": {}, "c": None}}),
    "a time": (b'{"time": "2024-05-06T7:08:09,5Z"}', {"time": "2024-05-06T7:08:09,5Z"}),
    "deep": (b'{"x":' + b"[" * 9999 + b"]" * 9999 + b"}", {}),
    "huge": (b'{"x": ' + b"9" * 5000 + b"}", {}),
}  # fmt: skip
REFUSED = {
    "a list": (b"[]", "the whole is a list and not an object"),
    "a number": (b'{"text": 5}', "text is 5 and not a string"),
    "the document's spelling": (b'{"inner": {"NAME": 5}}', "inner.NAME is 5 and not a string"),
    "an object": (b'{"text": {}}', "text is an object and not a string"),
    "a flag": (b'{"flag": "true"}', 'flag is "true" and not true or false'),
    "a float": (b'{"number": 1.0}', "number is 1.0 and not a whole number"),
    "an exponent": (b'{"number": 1e3}', "number is 1e3 and not a whole number"),
    "too large": (b'{"number": 9223372036854775808}', "number is 9223372036854775808 and not"),
    "a wrong one of two": (b'{"text": 5, "text": "a"}', "text is 5"),
    "in a list": (b'{"list": [{}, {"test": ["a", 1]}]}', r"list\[1\]\.test\[1\] is 1 and not"),
    "not a list": (b'{"inner": {"Test": "a"}}', 'inner.Test is "a" and not a list of strings'),
    "not a map": (b'{"labels": ["a"]}', "labels is a list and not an object of strings"),
    "in a map": (b'{"labels": {"a": 1}}', "labels.a is 1 and not a string"),
    "not empty": (b'{"set": {"a": 1}}', "set.a is 1 and not an object"),
    "words": (b'{"words": 5}', "words is 5 and not a string or a list of strings"),
    "not base64": (b'{"data": "e30"}', 'data is "e30" and not base64'),
    "not bytes": (b'{"data": [256]}', r"data\[0\] is 256 and not a byte"),
    "a time": (b'{"time": "yesterday"}', 'time is "yesterday" and not a time'),
    "a time of escapes": (rb'{"time": "2024-05-06T07:08:09\u005a"}', "and not a time"),
    "long": (b'{"number": "' + b"a" * 500 + b'"}', "number is .{41} and not a whole number$"),
    "deeper": (b"[" * 10_001 + b"]" * 10_001, "more than 10000 levels"),
    "a number that no float holds": (b'{"x": 1e999}', "1e999 is too large"),
    "no document": (b"", "it ends too early"),
    "half a document": (b'{"a": [1', "it ends too early"),
    "two": (b"{} {}", r"character 4 is not JSON: '\{\}'"),
    "byte order mark": (b"\xef\xbb\xbf{}", "character 1 is not JSON"),
}  # fmt: skip


@pytest.mark.parametrize("case", TAKEN)
def test_what_go_takes(case: str) -> None:
    raw, expected = TAKEN[case]
    assert decode(raw, OUTER) == expected


@pytest.mark.parametrize("case", REFUSED)
def test_what_go_refuses(case: str) -> None:
    raw, message = REFUSED[case]
    with pytest.raises(JSONProblem, match=message):
        decode(raw, OUTER)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


def plain(written: Any) -> Any:
    """Return what Python's json would give for a document that was read."""
    if isinstance(written, tuple):
        return {key: plain(value) for key, value in written}
    if isinstance(written, list):
        return [plain(value) for value in written]
    return without_halves(json.loads(written))


def without_halves(value: Any) -> Any:
    """Return a document with U+FFFD for half a surrogate pair: so Go reads it, Python keeps it."""
    if isinstance(value, dict):
        return {without_halves(key): without_halves(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_halves(inner) for inner in value]
    return re.sub("[\ud800-\udfff]", "\ufffd", value) if isinstance(value, str) else value


@given(values, st.booleans())
def test_documents_are_read_as_python_reads_them(value: object, ascii_only: bool) -> None:
    assert plain(read(json.dumps(value, ensure_ascii=ascii_only))) == value


def no_constant(text: str) -> None:
    raise ValueError(text)


def finite(text: str) -> float:
    """Return a number; Python takes 1e999 for infinity, podman's API refuses it."""
    if isinf(float(text)):
        raise ValueError(text)
    return float(text)


@given(values, st.data())
def test_what_is_no_json_is_refused_as_python_refuses_it(
    value: object, data: st.DataObject
) -> None:
    text = json.dumps(value)
    place = data.draw(st.integers(0, len(text)))
    new = data.draw(st.sampled_from(["", *"[]{}:,\"\\ \t\n\x0b\x000123.eE+-ntfu/'"]))
    text = text[:place] + new + text[place + data.draw(st.integers(0, 1)) :]
    try:
        expected = json.loads(text, parse_constant=no_constant, parse_float=finite)
    except ValueError:
        with pytest.raises(JSONProblem):
            read(text)
    else:
        assert plain(read(text)) == without_halves(expected)
