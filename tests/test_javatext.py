"""Java's text, against what JDK 17.0.15 printed (2026-11-21).

Each line of data/java_doubles.jsonl is [bits in hexadecimal, Double.toString of them].
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremark.javatext import (
    double_text,
    float32,
    float_text,
    hash_map_order,
    hash_map_sorted,
    string_hash,
)

DOUBLES = Path(__file__).parent / "data" / "java_doubles.jsonl"


def jdk_doubles() -> list[tuple[float, str]]:
    rows = [json.loads(line) for line in DOUBLES.read_text("utf-8").splitlines()]
    return [(struct.unpack(">d", bytes.fromhex(bits))[0], text) for bits, text in rows]


def digits(text: str) -> str:
    return text.lower().partition("e")[0].replace(".", "").strip("-0")


def words(*parts: str, repeat: int) -> list[str]:
    return ["".join(choice) for choice in product(parts, repeat=repeat)]


def test_double_text_is_what_the_jdk_printed() -> None:
    rows = jdk_doubles()
    assert len(rows) > 4000
    assert [(text, double_text(x)) for x, text in rows if double_text(x) != text] == []


def test_the_data_hold_hundreds_of_doubles_that_java_prints_with_other_digits() -> None:
    assert sum(digits(text) != digits(repr(x)) for x, text in jdk_doubles()) > 400


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0.7, "0.7"),
        (-0.0, "-0.0"),
        (0.001, "0.001"),
        (1e-4, "1.0E-4"),
        (9999999.999, "9999999.999"),
        (1e7, "1.0E7"),
        (12345678.9, "1.23456789E7"),
        (-1e-5, "-1.0E-5"),
        (1e23, "9.999999999999999E22"),
        (2e23, "1.9999999999999998E23"),
        (8.41e21, "8.409999999999999E21"),
        (2.0**-44, "5.6843418860808015E-14"),
        (9.223372036848628e18, "9.2233720368486277E18"),
        (3.6893493e19, "3.6893492999999996E19"),
        (5e-324, "4.9E-324"),
        (1e-323, "1.0E-323"),
        (1.7976931348623157e308, "1.7976931348623157E308"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (math.nan, "NaN"),
    ],
)
def test_double_text_has_javas_form_and_extra_digits(x: float, text: str) -> None:
    assert double_text(x) == text


def test_double_text_takes_an_integer_as_java_widens_one() -> None:
    assert double_text(3) == "3.0"


@given(st.floats(allow_nan=False))
def test_double_text_reads_back_as_the_same_double(x: float) -> None:
    assert float(double_text(x)) == x
    assert double_text(-abs(x)) == f"-{double_text(abs(x))}"


JDK_FLOATS = [
    (0.1, "0.1"),
    (29.97, "29.97"),
    (0.123456789, "0.12345679"),
    (1 / 3, "0.33333334"),
    (-0.0, "-0.0"),
    (0.001, "0.001"),
    (1e-4, "1.0E-4"),
    (9999999.0, "9999999.0"),
    (1e7, "1.0E7"),
    (16777216.0, "1.6777216E7"),
    (2.0**30 + 64, "1.07374182E9"),
    (1234567890.0, "1.23456794E9"),
    (2.0**57, "1.44115188E17"),
    (3.6893493e19, "3.6893493E19"),
    (8.41e21, "8.41E21"),
    (2.0**-44, "5.684342E-14"),
    (1.17549435e-38, "1.17549435E-38"),
    (1.4e-45, "1.4E-45"),
    (3.4028235e38, "3.4028235E38"),
]


@pytest.mark.parametrize(("x", "text"), JDK_FLOATS)
def test_float_text_is_what_the_jdk_printed(x: float, text: str) -> None:
    assert float_text(x) == text
    assert float32(x) == float(text)


def test_a_float_beyond_its_range_is_infinite() -> None:
    assert float32(1e39) == math.inf
    assert float32(-1e39) == -math.inf
    assert math.isnan(float32(math.nan))


@given(st.floats(width=32, min_value=-(2.0**64), max_value=2.0**64))
def test_below_3_6e19_a_float_has_the_same_text_as_a_double(x: float) -> None:
    assert double_text(float32(x)) == float_text(x)
    assert float32(float32(x)) == float32(x)


@pytest.mark.parametrize(
    ("text", "code"),
    [("", 0), ("a", 97), ("polygenelubricants", -(2**31)), ("城市", 720884), ("😀", 1772899)],
)
def test_string_hash_is_the_jdks(text: str, code: int) -> None:
    assert string_hash(text) == code


@given(st.text(st.characters(min_codepoint=0x10000), min_size=1))
def test_string_hash_runs_over_surrogate_pairs(text: str) -> None:
    units = text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "surrogatepass")
    halves = "".join(
        chr(unit)
        for character in units
        for unit in struct.unpack(">2H", character.encode("utf-16-be"))
    )
    assert string_hash(text) == string_hash(halves)


@pytest.mark.parametrize(
    ("keys", "order"),
    [
        ([], []),
        (["b", "a"], ["a", "b"]),
        (["city", "date", "unit"], ["date", "unit", "city"]),
        (
            ["location", "unit", "days", "include_forecast"],
            ["days", "location", "unit", "include_forecast"],
        ),
        (["城市", "日期", "单位", "天气"], ["天气", "单位", "城市", "日期"]),
        (["", "z", "空", "😀"], ["", "😀", "z", "空"]),
    ],
)
def test_keys_come_in_the_order_of_a_copied_hash_map(keys: list[str], order: list[str]) -> None:
    assert hash_map_order(keys) == order


def test_keys_put_one_by_one_come_in_the_order_of_a_larger_table() -> None:
    keys = ["location", "unit", "days", "include_forecast"]
    assert hash_map_order(keys, copied=False) == ["unit", "days", "location", "include_forecast"]
    keys = ["城市", "日期", "单位", "天气"]
    assert hash_map_order(keys, copied=False) == ["天气", "单位", "日期", "城市"]
    assert list(hash_map_sorted(dict.fromkeys(keys, 1), copied=False)) == [
        "天气", "单位", "日期", "城市",
    ]  # fmt: skip


def test_keys_of_one_slot_keep_their_order() -> None:
    assert hash_map_order(["BB", "Aa"]) == ["BB", "Aa"]
    assert hash_map_order(["Aa", "BB"]) == ["Aa", "BB"]


def test_a_ninth_key_in_a_slot_doubles_a_small_table() -> None:
    keys = [chr(16 * i + 1) for i in range(4, 13)]
    assert hash_map_order(keys[:8]) == ["A", "Q", "a", "q", "\x81", "\x91", "¡", "±"]
    assert hash_map_order(keys) == ["A", "a", "\x81", "¡", "Á", "Q", "q", "\x91", "±"]


def test_a_crowded_slot_of_a_large_table_is_iterated_as_the_jdks_tree() -> None:
    keys = [*words("BB", "Aa", repeat=5)[::-3], "k1", "k2"]
    assert hash_map_order(keys) == [
        "AaBBAaAaBB", "AaAaAaAaAa", "AaAaAaBBBB", "AaAaBBBBAa", "AaBBBBAaAa", "AaBBBBBBBB",
        "BBAaAaBBAa", "BBAaBBAaBB", "BBBBAaAaAa", "BBBBAaBBBB", "BBBBBBBBAa", "k1", "k2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "copied", "put"),
    [
        ([f"key{i}" for i in range(200)], "e11ae82c10041873", "e11ae82c10041873"),
        ([f"字段{i * 7}" for i in range(100)], "bef4bf1bdbe68d16", "bef4bf1bdbe68d16"),
        (words("Aa", "BB", "C#", repeat=4)[::-1], "290fdad38a1a070f", "290fdad38a1a070f"),
        (
            [*words("BB", "Aa", repeat=4), *(f"k{i}" for i in range(60))],
            "fa1f59ca35e1d996",
            "fa1f59ca35e1d996",
        ),
        ([chr(64 * i + 1) for i in range(1, 150)], "2951a062850678a9", "929222bc6034b40c"),
        (
            [
                *(chr(64 * i + 1) for i in (*range(150, 20, -7), *range(20, 150))),
                *(f"k{i}" for i in range(60)),
            ],
            "03f49315ef24c4f5",
            "7a7c38fe215faf56",
        ),
    ],
    ids=["ascii", "chinese", "one hash", "one hash and others", "one slot", "one slot and others"],
)
def test_large_maps_come_in_the_jdks_order(keys: list[str], copied: str, put: str) -> None:
    def sha256(order: list[str]) -> str:
        return hashlib.sha256(",".join(order).encode()).hexdigest()[:16]

    assert sha256(hash_map_order(keys)) == copied
    assert sha256(hash_map_order(keys, copied=False)) == put


@given(st.lists(st.text("ABaC#b😀城", max_size=6), max_size=120))
def test_every_key_comes_once(keys: list[str]) -> None:
    order = hash_map_order(keys)
    assert sorted(order) == sorted(set(keys))


def test_only_the_top_level_is_sorted_and_the_mapping_is_unchanged() -> None:
    mapping: dict[str, Any] = {"city": {"unit": 1, "date": 2, "city": 3}, "date": [1], "unit": None}
    before = json.dumps(mapping)
    result = hash_map_sorted(mapping)
    assert json.dumps(result) == (
        '{"date": [1], "unit": null, "city": {"unit": 1, "date": 2, "city": 3}}'
    )
    assert json.dumps(mapping) == before
