"""One way to write JSON and the strict ways to read it.

What Java writes and reads was observed with Jackson 2.21.0 on JDK 17.0.15 (2026-11-21).
"""

from __future__ import annotations

import enum
import json
import math
import sys
from collections import OrderedDict
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremark.errors import SerializationError
from wiremark.jsontext import dumpb, dumps, first_object, loads, starts_with_object

NO_SURROGATES = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | NO_SURROGATES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NO_SURROGATES, inner, max_size=4),
)  # fmt: skip


class Color(str, enum.Enum):  # noqa: UP042 - what callers of older Pythons have
    RED = "red"


class Size(enum.IntEnum):
    BIG = 3


class Plain(enum.Enum):
    ONE = "one"


class Point(NamedTuple):
    x: int
    y: float


class Ratio(float):
    def __repr__(self) -> str:
        return "ratio"


# ------------------------------------------------------------------ writing


@given(PLAIN)
def test_plain_data_is_written_as_json_dumps_writes_it_compact(value: Any) -> None:
    expected = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for code in (11, 14, 15, *range(26, 32)):
        expected = expected.replace("\\\\", "\0").replace(f"\\u{code:04x}", f"\\u{code:04X}")
    expected = expected.replace("\0", "\\\\")
    assert dumps(value) == expected
    assert dumpb(value) == expected.encode()


@given(PLAIN)
def test_what_is_written_reads_back_equal(value: Any) -> None:
    assert loads(dumps(value)) == value
    assert loads(dumpb(value)) == value
    assert loads(dumps(value, java_numbers=True)) == value


@given(st.text(st.characters(categories=["Cs", "Cc", "Lo", "Po"])))
def test_any_text_encodes_as_utf_8_and_reads_back_as_json_reads_it(text: str) -> None:
    written = dumps({text: text})
    assert written.encode() == dumpb({text: text})
    assert loads(written) == json.loads(json.dumps({text: text}))


def test_keys_stay_in_order_and_nothing_is_spaced() -> None:
    assert dumps({"b": [1, 2], "a": {"d": None, "c": True}}) == (
        '{"b":[1,2],"a":{"d":null,"c":true}}'
    )


@pytest.mark.parametrize("java_numbers", [False, True])
@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("城市 é 😀 / \u2028 \x7f \x85", '"城市 é 😀 / \u2028 \x7f \x85"'),
        ('"\\', r'"\"\\"'),
        ("\b\f\n\r\t", r'"\b\f\n\r\t"'),
        ("\0\x01\x0b\x1b[1m\x1f", r'"\u0000\u0001\u000B\u001B[1m\u001F"'),
        (r"\u001f", r'"\\u001f"'),
        ("\\\x1f\\u001f\\\\\x1b", r'"\\\u001F\\u001f\\\\\u001B"'),
        ("\ud83d", r'"\uD83D"'),
        ("a\ude00\x0b", r'"a\uDE00\u000B"'),
        ("\ud83d\ude00", '"😀"'),
        ("\ude00\ud83d", r'"\uDE00\uD83D"'),
    ],
)
def test_characters_are_raw_or_escaped_as_jackson_escapes_them(
    text: str, written: str, java_numbers: bool
) -> None:
    assert dumps(text, java_numbers=java_numbers) == written
    assert dumps({text: [1.5]}, java_numbers=java_numbers) == f"{{{written}:[1.5]}}"
    assert dumpb(text, java_numbers=java_numbers) == written.encode()


@pytest.mark.parametrize(
    ("x", "python", "java"),
    [
        (1.0, "1.0", "1.0"),
        (-0.0, "-0.0", "-0.0"),
        (0.7, "0.7", "0.7"),
        (0.0001, "0.0001", "1.0E-4"),
        (1e-5, "1e-05", "1.0E-5"),
        (1e7, "10000000.0", "1.0E7"),
        (1e16, "1e+16", "1.0E16"),
        (1e23, "1e+23", "9.999999999999999E22"),
    ],
)
def test_floats_are_shortest_by_default_and_javas_on_request(
    x: float, python: str, java: str
) -> None:
    assert dumps(x) == python
    assert dumps(x, java_numbers=True) == java
    value = {"a": ["x", x, (True, None, 3, {"b": x})]}
    assert dumps(value) == f'{{"a":["x",{python},[true,null,3,{{"b":{python}}}]]}}'
    assert dumps(value, java_numbers=True) == f'{{"a":["x",{java},[true,null,3,{{"b":{java}}}]]}}'


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("digits", [1, 20, 599, 601, 4299, 4301, 20_001])
def test_integers_of_any_size_are_exact(digits: int, sign: int) -> None:
    value = sign * (10**digits // 7 * 7 + 1)
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        expected = str(value)
    finally:
        sys.set_int_max_str_digits(limit)
    assert dumps([value]) == f"[{expected}]"
    assert dumps([value, 1e7], java_numbers=True) == f"[{expected},1.0E7]"


@pytest.mark.parametrize("java_numbers", [False, True])
def test_subclasses_are_written_by_value(java_numbers: bool) -> None:
    value = OrderedDict({Color.RED: [Color.RED, Size.BIG, Point(1, 2.5), Ratio(0.5)]})
    assert dumps(value, java_numbers=java_numbers) == '{"red":["red",3,[1,2.5],0.5]}'


def test_the_value_is_unchanged() -> None:
    value = {"a": [1.0, {"b": (1,)}], "1": "\x1f"}
    dumps(value, java_numbers=True)
    assert value == {"a": [1.0, {"b": (1,)}], "1": "\x1f"}


LOOP: list[Any] = [1]
LOOP.append({"again": LOOP})


@pytest.mark.parametrize(
    ("value", "path", "problem"),
    [
        (math.nan, "", "nan is not a JSON number"),
        ({"a": [1, math.inf]}, "a[1]", "inf is not a JSON number"),
        ({"a": {"b": -math.inf}}, "a.b", "-inf is not a JSON number"),
        ([Ratio("nan")], "[0]", "nan is not a JSON number"),
        ({"messages": [{"content": {1, 2}}]}, "messages[0].content", "set is not a JSON value"),
        ({"a b": [b"x"]}, '["a b"][0]', "bytes is not a JSON value"),
        ({"x-y": {"": object()}}, 'x-y[""]', "object is not a JSON value"),
        ({Color.RED: Plain.ONE}, "red", "Plain is not a JSON value"),
        ({"\ud83d": 1j}, r'["\uD83D"]', "complex is not a JSON value"),
        ({"a": {1: 2}}, "a", "the key 1 is int, JSON keys are strings"),
        ([{2.5: 1}], "[0]", "the key 2.5 is float, JSON keys are strings"),
        ({True: 1}, "", "the key True is bool, JSON keys are strings"),
        ({False: 1}, "", "the key False is bool, JSON keys are strings"),
        ({"a": ({None: 1},)}, "a[0]", "the key None is NoneType, JSON keys are strings"),
        ({Size.BIG: 1}, "", "the key <Size.BIG: 3> is Size, JSON keys are strings"),
        ({("a",): 1}, "", "the key ('a',) is tuple, JSON keys are strings"),
        ({math.nan: 1}, "", "the key nan is float, JSON keys are strings"),
        (LOOP, "[1].again", "the list contains itself"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("java_numbers", [False, True])
def test_what_json_cannot_hold_is_refused_with_its_path(
    value: Any, path: str, problem: str, java_numbers: bool
) -> None:
    for write in (dumps, dumpb):
        with pytest.raises(SerializationError) as caught:
            write(value, java_numbers=java_numbers)
        assert (caught.value.path, caught.value.problem) == (path, problem)
        assert caught.value.advice


@given(
    st.dictionaries(st.integers() | st.booleans() | st.none() | st.floats(), st.none(), min_size=1),
    st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=3),
)
def test_no_key_is_ever_coerced(odd: dict[Any, None], plain: dict[str, str]) -> None:
    for value in (odd, {**plain, **odd}, [plain, {"x": (odd,)}]):
        with pytest.raises(SerializationError, match="JSON keys are strings"):
            dumps(value)


def test_a_path_begins_where_the_caller_says() -> None:
    with pytest.raises(SerializationError) as caught:
        dumps({"a": [math.nan]}, at="input")
    assert caught.value.path == "input.a[0]"
    with pytest.raises(SerializationError) as caught:
        dumps([math.nan], at="input")
    assert caught.value.path == "input[0]"
    with pytest.raises(SerializationError) as caught:
        dumps(math.nan, at="input")
    assert caught.value.path == "input"


def test_one_value_twice_is_no_loop() -> None:
    twice = [1.5]
    assert dumps({"a": twice, "b": twice}, java_numbers=True) == '{"a":[1.5],"b":[1.5]}'


def test_nesting_beyond_the_interpreter_is_refused() -> None:
    value: Any = 1e7
    for _ in range(100_000):
        value = [value]
    for java_numbers in (False, True):
        with pytest.raises(SerializationError, match="nested too deeply") as caught:
            dumps(value, java_numbers=java_numbers, at="input")
        assert caught.value.path == "input"
    with pytest.raises(SerializationError, match="nested too deeply"):
        loads("[" * 100_000)


# ------------------------------------------------------------------ reading


@pytest.mark.parametrize(
    ("text", "path", "problem"),
    [
        ("", "line 1, column 1", "not JSON: Expecting value"),
        ('{"a":\n 1,\n  b}', "line 3, column 3", "not JSON: Expecting property name"),
        ('{"a": 1} x', "line 1, column 10", "not JSON: Extra data"),
        ('["x', "line 1, column 2", "not JSON: Unterminated string"),
        ('["a\tb"]', "line 1, column 4", "not JSON: Invalid control character"),
        ("[01]", "line 1, column 3", "not JSON: Expecting ',' delimiter"),
        ("[NaN]", "line 1, column 2", "NaN is not JSON"),
        ('{"NaN": "Infinity",\n"x\\"": -Infinity}', "line 2, column 8", "-Infinity is not JSON"),
        ("[1e2, 1e999]", "line 1, column 7", "1e999 is beyond the range of a double"),
        ("\n-1.5e400", "line 2, column 1", "-1.5e400 is beyond the range of a double"),
        (f"[1,{'1' * 5000}]", "line 1, column 4", "an integer of 5000 characters"),
        ("\ufeff{}", "line 1, column 1", "a byte order mark"),
        (b"\xef\xbb\xbf{}", "line 1, column 1", "a byte order mark"),
        (b'{"a":\n"\xe5\x9f\x8e\xff"}', "line 2, column 3", "not UTF-8"),
        ('"x"'.encode("utf-16-le"), "line 1, column 2", "not JSON: "),
        (b'"\xed\xa0\xbd"', "line 1, column 2", "not UTF-8"),
    ],
)  # fmt: skip
def test_what_is_not_strict_json_is_refused_by_line_and_column(
    text: str | bytes, path: str, problem: str
) -> None:
    with pytest.raises(SerializationError) as caught:
        loads(text)
    assert caught.value.path == path
    assert caught.value.problem.startswith(problem)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (' {"a": 1, "a": 2.50} ', {"a": 2.5}),
        (b'["\xe5\x9f\x8e", "\\ud83d\\ude00"]', ["城", "😀"]),
        ("12345678901234567890123", 12345678901234567890123),
        ("null", None),
    ],
)
def test_strict_json_is_read(text: str | bytes, value: Any) -> None:
    assert loads(text) == value


# ------------------------------------------------------------------ reading as Jackson reads


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{}", {}),
        (' \t\r\n{"a": [1, {"b": null}]}', {"a": [1, {"b": None}]}),
        ('{"a":1}x', {"a": 1}),
        ('{"a":1}{"b":2}', {"a": 1}),
        ('{"a":1}\0', {"a": 1}),
        ('{"a":1,"a":2}', {"a": 2}),
        ('{"":1}', {"": 1}),
        ('{"a":-0}', {"a": 0}),
        ('{"a":1e999}', {"a": math.inf}),
        (r'{"a":"\/\b\ud800"}', {"a": "/\b\ud800"}),
        ('{"a":"\x7f\x85\u2028"}', {"a": "\x7f\x85\u2028"}),
        (f'{{"a":{"1" * 1000}}}', {"a": int("1" * 1000)}),
        (f'{{"a":1.{"0" * 999}}}', {"a": 1.0}),
        (f'{{"{"k" * 50_000}":1}}', {"k" * 50_000: 1}),
    ],
)
def test_an_object_at_the_start_is_read_whatever_follows(text: str, value: dict[str, Any]) -> None:
    assert first_object(text) == value
    assert starts_with_object(text)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "null", "[1]", "3", '"x"', "true", "x{}", "\ufeff{}", "\x1e{}", "\x0b{}", "\xa0{}",
        "{", '{"a"', '{"a":', '{"a":1', '{"a":"x', '{"a":[1}', '{"a":1]',
        "{'a':1}", "{a:1}", '{"a":1,}', "{,}", '{"a":[1,]}', '{"a":1 "b":2}', '{"a" 1}',
        '{"a":NaN}', '{"a":Infinity}', '{"a":-Infinity}', '{"a":tRue}', '{"a":truex}',
        '{"a":1//\n}', '{"a":/**/1}', '{"a":01}', '{"a":-01}', '{"a":+1}', '{"a":.5}', '{"a":1.}',
        '{"a":1e}', '{"a":1e+}', '{"a":-}', '{"a":1x}', '{"a":\u0661}',
        '{"a":"\t"}', '{"a":"\0"}', '{"\n":1}', r'{"a":"\x"}', r'{"a":"\u12g4"}', r'{"a":"\u+123"}',
        "{\"a\":\"\\'\"}", '{"a":\xa01}',
        f'{{"a":{"1" * 1001}}}', f'{{"a":-{"1" * 5000}}}', f'{{"a":1.{"0" * 1000}}}',
        f'{{"{"k" * 50_001}":1}}', f'{{"{"😀" * 25_001}":1}}',
        '{"a":' * 1001 + "{}" + "}" * 1001, '{"a":' * 100_000,
    ],
)  # fmt: skip
def test_what_jackson_cannot_read_as_an_object_is_none(text: str) -> None:
    assert first_object(text) is None
    assert not starts_with_object(text)


def test_nesting_ends_at_jacksons_1000_levels_where_python_reads_so_deep() -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    try:
        assert starts_with_object('{"a":' * 999 + "{}" + "}" * 999)
        assert not starts_with_object('{"a":' * 1000 + "{}" + "}" * 1000)
        assert starts_with_object(f'{{"a":{"[" * 999}{"]" * 999}}}')
        assert not starts_with_object(f'{{"a":{"[" * 1000}{"]" * 1000}}}')
    finally:
        sys.setrecursionlimit(limit)


def test_many_shallow_containers_are_not_deep() -> None:
    assert starts_with_object(f'{{"a":[{"[]," * 2000}{{}}]}}')


@given(st.dictionaries(NO_SURROGATES, PLAIN, max_size=4), st.text())
def test_what_dumps_writes_is_an_object_before_any_text(value: dict[str, Any], tail: str) -> None:
    assert first_object(dumps(value) + tail) == value
    assert first_object(dumps(value)[:-1]) is None
