"""Responses become plain JSON data, whatever an SDK made of them."""

from __future__ import annotations

import datetime as dt
import json
import math
import uuid
from collections import UserDict, UserList, namedtuple
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from pathlib import PurePosixPath
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from anthropic.types import Message
from dashscope.api_entities.chat_completion_types import CompletionUsage
from dashscope.api_entities.dashscope_response import GenerationResponse
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion
from pydantic import BaseModel, ConfigDict, Field

from wiremark.errors import MessageError
from wiremark.plain import plain, plain_object

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


class Kind(str, Enum):  # noqa: UP042 - the kind that SDKs have
    STOP = "stop"


class Level(IntEnum):
    HIGH = 3


class Name(str):
    __slots__ = ()


class Point(BaseModel):
    model_config = ConfigDict(extra="allow", populate_by_name=True)
    x: int = 0
    y: int | None = None
    from_: int = Field(0, alias="from")


@dataclass
class Plain:
    a: int
    b: list[int]


class Slotted:
    __slots__ = ("_hidden", "a", "b")

    def __init__(self) -> None:
        self.a = 1
        self._hidden = 2


class Struct:
    """Like msgspec's: the fields are named on the class, and there is no `__dict__`."""

    __slots__ = ("a",)
    __struct_fields__ = ("a",)

    def __init__(self) -> None:
        self.a = 1


Pair = namedtuple("Pair", "left right")  # noqa: PYI024 - an SDK without annotations has such


class FieldOf:
    def __init__(self, name: str, message: object = None) -> None:
        self.name = name
        self.message_type = message


class Protobuf:
    """Has what a protobuf message has: a descriptor, and defaults for what is not set."""

    __slots__ = ("inner", "other", "tokens", "zero")
    DESCRIPTOR = SimpleNamespace(
        fields=[FieldOf("tokens"), FieldOf("zero"), FieldOf("inner", "T"), FieldOf("other", "T")]
    )

    def __init__(self) -> None:
        self.tokens, self.zero = 12, 0
        self.inner, self.other = {"x": 1}, {"x": 0}

    def ListFields(self) -> list[tuple[FieldOf, Any]]:  # noqa: N802 - protobuf's name
        return [(self.DESCRIPTOR.fields[0], 12), (self.DESCRIPTOR.fields[2], self.inner)]


@given(JSON)
def test_json_data_stays_equal_and_becomes_a_copy(value):
    found = plain(value)
    assert found == value
    assert json.dumps(found) == json.dumps(value)
    assert not isinstance(value, dict | list) or found is not value


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (Kind.STOP, "stop"),
        (Level.HIGH, 3),
        (Name("n"), "n"),
        ({Kind.STOP: 1, 2: 3}, {"stop": 1, "2": 3}),
        (b"\x00\xff", "AP8="),
        (bytearray(b"ab"), "YWI="),
        (memoryview(b"ab"), "YWI="),
        (Decimal(12), 12),
        (Decimal("1.5"), 1.5),
        (Fraction(1, 2), 0.5),
        (dt.datetime(2026, 11, 21, tzinfo=dt.UTC), "2026-11-21T00:00:00+00:00"),
        (dt.date(2026, 11, 21), "2026-11-21"),
        (dt.time(12, 30), "12:30:00"),
        (uuid.UUID(int=0), "00000000-0000-0000-0000-000000000000"),
        (PurePosixPath("a/b"), "a/b"),
        ({"b", "a"}, ["a", "b"]),
        ((1, 2), [1, 2]),
        (UserDict(a=1), {"a": 1}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (UserList([1]), [1]),
        (SimpleNamespace(a=1, _b=2), {"a": 1}),
        (Plain(1, [2]), {"a": 1, "b": [2]}),
        (Slotted(), {"a": 1}),
        (Struct(), {"a": 1}),
        (Pair(1, None), {"left": 1, "right": None}),
        (Protobuf(), {"tokens": 12, "zero": 0, "inner": {"x": 1}}),
        (Point(x=1), {"x": 1}),
        (Point(y=None), {"y": None}),
        (Point.model_validate({"from": 3, "extra": {"a": 1}}), {"from": 3, "extra": {"a": 1}}),
        (Point.model_construct(x="not checked"), {"x": "not checked"}),
    ],
)
def test_objects_become_data(value, wanted):
    found = plain(value)
    assert found == wanted
    assert type(found) is type(wanted)


def test_a_number_that_is_none_stays_a_number():
    assert math.isnan(plain(Decimal("NaN")))
    assert plain(Decimal("Infinity")) == math.inf


def test_a_field_that_was_deleted_is_left_out():
    point = Point(x=1, y=2)
    del point.y  # as litellm does with the counts that a provider did not send
    assert plain(point) == {"x": 1}


def test_extra_attributes_of_a_dataclass_are_kept_and_missing_ones_left_out():
    usage = CompletionUsage(prompt_tokens=3, prompt_tokens_details={"cached_tokens": 2})
    assert plain(usage) == {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}}


def test_objects_of_the_real_clients_become_what_was_on_the_wire():
    chat: dict[str, Any] = {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "qwen-plus",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": "hi", "reasoning_content": "hm"},
            }
        ],
        "usage": {
            "prompt_tokens": 1,
            "completion_tokens": 1,
            "total_tokens": 2,
            "prompt_tokens_details": {"cached_tokens": 0, "cache_type": "ephemeral"},
        },
    }
    message = {
        "id": "1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5",
        "content": [{"type": "text", "text": "hi"}],
        "usage": {"input_tokens": 1, "output_tokens": 1, "cache_creation": None},
    }
    assert plain(ChatCompletion.construct(**chat)) == chat
    assert plain(ChatCompletion.model_validate(chat)) == chat
    assert plain(Message.construct(**message)) == message
    native = GenerationResponse(status_code=200, output={"text": None}, usage={"input_tokens": 1})
    assert plain(native)["usage"] == {"input_tokens": 1}


@pytest.mark.parametrize("value", [len, int, object(), lambda: 1, iter([])])
def test_what_is_no_data_is_refused_with_its_path(value):
    with pytest.raises(MessageError) as caught:
        plain({"a": [1, {"b": value}]}, path="response")
    assert caught.value.path == "response.a[1].b"


@pytest.mark.parametrize("wrap", [lambda x: [x], lambda x: {"a": x}, lambda x: Plain(1, x)])
def test_endless_nesting_is_refused(wrap):
    value: Any = 1
    for _ in range(5000):
        value = wrap(value)
    with pytest.raises(MessageError, match="nested too deeply"):
        plain(value)


def test_an_object_that_holds_itself_is_refused():
    value = SimpleNamespace()
    value.self = value
    with pytest.raises(MessageError, match="nested too deeply"):
        plain(value)


def test_little_stack_left_is_nesting_that_is_too_deep():
    value: Any = 1
    for _ in range(190):
        value = [value]

    def descend() -> None:
        try:
            descend()
        except RecursionError:
            plain(value)

    with pytest.raises(MessageError, match="nested too deeply"):
        descend()


def test_an_object_is_a_dict():
    assert plain_object(SimpleNamespace(a=1)) == {"a": 1}


@pytest.mark.parametrize("value", [None, 1, "text", [], [{}]])
def test_only_objects_are_objects(value):
    with pytest.raises(MessageError, match="expected an object"):
        plain_object(value)
