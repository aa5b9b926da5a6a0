"""Format one agent session for three providers' forms, and show where each cache mark stands.

Run it with `make demo`. It reads session.json and tools.json beside this file, sends nothing, and
needs no key and none of the optional dependencies.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from wiremark import (
    CacheBudgetWarning,
    DashScopeChatFormatter,
    OpenAIChatFormatter,
    Quirks,
    ToolSchema,
    read_messages,
    strip_marks,
    validate,
)

HERE = Path(__file__).resolve().parent
SHOWN = 1
"""The message that is shown before and after: a long text for which its sender wished a mark."""

TARGETS = (
    ("DashScope, native form", DashScopeChatFormatter(policy="rolling"), "qwen-plus"),
    (
        "DashScope, compatible mode",
        OpenAIChatFormatter(policy="rolling", host="dashscope.aliyuncs.com"),
        "qwen-plus",
    ),
    ("OpenAI, breakpoints", OpenAIChatFormatter(policy="rolling"), "gpt-5.6"),
)


def main() -> None:
    """Print the session as three requests."""
    session = (HERE / "session.json").read_text(encoding="utf-8")
    messages = read_messages(session)
    tools = [
        ToolSchema.from_dict(tool)
        for tool in json.loads((HERE / "tools.json").read_text(encoding="utf-8"))
    ]
    calls = sum(block.type == "tool_use" for message in messages for block in message.content)
    print(
        f"examples/session.json: {len(messages)} messages, {calls} tool calls, {len(tools)} tools,"
        f" {len(session.encode()):,} bytes of agentscope-java Msg JSON\n"
        "policy rolling; the second message wishes for a mark; the last one, retrieved knowledge,"
        " is declared dynamic"
    )
    for title, formatter, model in TARGETS:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", CacheBudgetWarning)
            request = formatter.build_request(model, messages, tools=tools)
        plain = strip_marks(request.messages, plan=request.plan)
        print(f"\n=== {title}: {model}, POST {request.path}")
        print(f"before  {brief(plain[SHOWN])}")
        print(f"after   {brief(request.messages[SHOWN])}\n")
        print(request.plan)
        for warning in caught:
            print(f"warning {type(warning.message).__name__}: {warning.message}")
        without, sent = len(compact(plain).encode()), len(compact(request.messages).encode())
        found = validate(request.body, protocol=formatter.protocol, host=formatter.host)
        errors = [finding for finding in found if finding.severity == "error"]
        print(
            f"\nbytes: messages {without:,} without marks, {sent:,} with; body"
            f" {len(request.to_json().encode()):,}\n"
            f"judged by schema and rules: errors {len(errors)}"
        )
        for finding in errors:
            print(finding)
    java = DashScopeChatFormatter(policy="rolling", quirks=Quirks.JAVA)
    request = java.build_request("qwen-plus", messages, tools=tools)
    print("\n=== Quirks.JAVA: agentscope-java's form, marks beside role; no provider reads them")
    print(f"java    {brief(request.messages[SHOWN])}")
    for finding in validate(request.body, protocol="dashscope"):
        if finding.severity == "error":
            print(f"        {finding}")


def brief(value: Any) -> str:
    """Return JSON on one line, long texts cut."""
    return compact(_cut(value))


def compact(value: Any) -> str:
    """Return JSON without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _cut(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_cut(item) for item in value]
    if isinstance(value, str) and len(value) > 60:
        return value[:45] + "..."
    return value


if __name__ == "__main__":
    main()
