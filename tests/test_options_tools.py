"""Options, tools and tool choice as values: facts of agentscope-java at c2d43f86, sections 10, 11."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from wiremark import GenerateOptions, OpenAIChatFormatter, ResponseFormat, ToolChoice, ToolSchema
from wiremark.errors import OptionError

FIELDS = {
    "temperature": 0.5,
    "top_p": 0.5,
    "top_k": 5,
    "max_tokens": 6,
    "max_completion_tokens": 7,
    "thinking_budget": 8,
    "reasoning_effort": "high",
    "enable_thinking": True,
    "enable_search": False,
    "seed": 9,
    "frequency_penalty": 0.1,
    "presence_penalty": 0.2,
    "parallel_tool_calls": False,
    "response_format": {"type": "json_object"},
    "tool_choice": "none",
    "stream": False,
    "model_name": "m",
    "endpoint_path": "/p",
    "cache_control": False,
}


def test_an_unknown_option_is_an_error_that_names_it() -> None:
    with pytest.raises(OptionError) as caught:
        GenerateOptions.from_dict({"temprature": 1})
    assert caught.value.path == "options.temprature"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", "hot"),
        ("max_tokens", 1.5),
        ("seed", "x"),
        ("stream", "maybe"),
        ("tool_choice", "sometimes"),
        ("tool_choice", {"specific": " "}),
        ("cache_control", 7),
        ("additional_body_params", []),
    ],
)
def test_a_bad_option_is_an_error_that_names_it(name: str, value: Any) -> None:
    with pytest.raises(OptionError) as caught:
        GenerateOptions.from_dict({name: value})
    assert caught.value.path.startswith(f"options.{name}")


@pytest.mark.parametrize("name", FIELDS)
def test_a_set_option_wins_over_a_default_even_if_falsy(name: str) -> None:
    mine = GenerateOptions.from_dict({name: FIELDS[name]})
    others = {"temperature": 2, "seed": 1, "stream": True, "cache_control": True, "top_p": 0}
    merged = mine.over(GenerateOptions.from_dict(others))
    assert getattr(merged, name) == getattr(mine, name)


@pytest.mark.parametrize("name", FIELDS)
def test_an_unset_option_comes_from_the_defaults(name: str) -> None:
    defaults = GenerateOptions.from_dict({name: FIELDS[name]})
    assert getattr(GenerateOptions().over(defaults), name) == getattr(defaults, name)
    assert getattr(GenerateOptions(temperature=None).over(None), name) is None


@pytest.mark.parametrize(
    "name", ["additional_body_params", "additional_headers", "additional_query_params"]
)
def test_additional_parameters_are_merged_and_options_win(name: str) -> None:
    options = GenerateOptions.from_dict({name: {"a": "1", "b": "2"}})
    defaults = GenerateOptions.from_dict({name: {"b": "0", "c": "3"}})
    assert getattr(options.over(defaults), name) == {"a": "1", "b": "2", "c": "3"}
    assert getattr(options, name) == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    "data",
    [
        {"description": "d"},
        {"name": "n"},
        {"name": None, "description": "d"},
        {"name": "n", "description": None},
        {"name": "n", "description": "d", "parameters": []},
    ],
)
def test_a_tool_needs_name_and_description(data: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="tool"):
        ToolSchema.from_dict(data)


def test_name_and_description_of_a_tool_may_be_empty() -> None:
    assert ToolSchema.from_dict({"name": "", "description": ""}).name == ""


@pytest.mark.parametrize("data", [{}, {"parameters": None}])
def test_null_parameters_are_an_empty_object(data: dict[str, Any]) -> None:
    assert ToolSchema.from_dict({"name": "n", "description": "d", **data}).parameters == {}


def test_a_tool_is_read_in_openais_form_too() -> None:
    function = {"name": "n", "parameters": {"type": "object"}, "strict": True}
    read = ToolSchema.from_dict({"type": "function", "function": function, "cache_control": True})
    assert read == ToolSchema(
        name="n",
        description="",
        parameters={"type": "object"},
        strict=True,
        cache_control=True,
    )


def test_an_output_schema_is_ignored() -> None:
    data = {"name": "n", "description": "d", "outputSchema": {}, "output_schema": {}}
    assert ToolSchema.from_dict(data) == ToolSchema(name="n", description="d")


@pytest.mark.parametrize("name", ["", "  ", None])
def test_a_blank_or_null_specific_name_is_refused(name: Any) -> None:
    with pytest.raises(ValidationError, match="name of the tool"):
        ToolChoice.specific(name)
    body = OpenAIChatFormatter().apply_tools(
        {"model": "m"}, [ToolSchema(name="f", description="d")]
    )
    with pytest.raises(OptionError):
        OpenAIChatFormatter().apply_tool_choice(body, {"specific": name})


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("auto", ToolChoice.auto()),
        ("none", ToolChoice.none()),
        ("required", ToolChoice.required()),
        ({"specific": "f"}, ToolChoice.specific("f")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice.specific("f")),
        (ToolChoice.auto(), ToolChoice.auto()),
        (None, None),
    ],
)
def test_tool_choice_is_read_from_each_form(given: Any, read: ToolChoice | None) -> None:
    assert GenerateOptions(tool_choice=given).tool_choice == read


@pytest.mark.parametrize("given", ["AUTO", "any", "", {}, {"name": "f"}, 7, ["auto"]])
def test_other_tool_choices_are_errors(given: Any) -> None:
    with pytest.raises(OptionError, match="tool_choice"):
        GenerateOptions.from_dict({"tool_choice": given})


def test_response_format_of_a_model_holds_its_schema() -> None:
    class Reply(BaseModel):
        answer: str

    made = ResponseFormat.schema_of("reply", Reply, strict=True).to_dict()
    assert list(made) == ["type", "json_schema"]
    assert list(made["json_schema"]) == ["name", "schema", "strict"]
    assert made["json_schema"]["schema"]["properties"]["answer"]["type"] == "string"
    assert ResponseFormat.json_object().to_dict() == {"type": "json_object"}


def test_options_and_tools_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        GenerateOptions().seed = 1
    with pytest.raises(ValidationError, match="frozen"):
        ToolSchema(name="n", description="d").name = "m"
