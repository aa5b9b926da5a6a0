"""Any client: the curl lines of the documentation, and the official openai package of node."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wiremark import Msg, OpenAIChatFormatter, ToolSchema, jsontext
from wiremark.sse import read_events
from wiremark.usage import Usage

pytest.importorskip("uvicorn", reason="the extra `emulator` is not installed")
pytest.importorskip("starlette", reason="the extra `emulator` is not installed")

from wiremark.emulator import Emulator

pytestmark = pytest.mark.sdk

ROOT = Path(__file__).parent.parent
CURL = ROOT / "tests" / "data" / "curl.sh"
NODE = ROOT / "tests" / "node"
ALIYUN = "dashscope.aliyuncs.com"
QUICKLY = (
    "--no-audit",
    "--no-fund",
    "--no-package-lock",
    "--ignore-scripts",
    "--fetch-retries=0",
    "--fetch-timeout=20000",
)
UNREACHABLE = re.compile(
    r"\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH"
    r"|ENOTCACHED|E403|E407|E50\d|network)\b"
)


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(running: Emulator) -> Iterator[Emulator]:
    running.reset()
    yield running
    assert running.state.problems == []


def environment(**more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    return {**kept, "NO_PROXY": "127.0.0.1", **more}


# ------------------------------------------------------------------------------------------- curl


def lines(emulator: Emulator) -> str:
    """Return the lines of the documentation, with the address of this emulator in the first."""
    text = CURL.read_text(encoding="utf-8")
    changed, count = re.subn(r"(?m)\ABASE=\S+", f"BASE={emulator.url}", text)
    assert count == 1
    return changed


def test_the_curl_lines_show_what_each_protocol_caches(emulator: Emulator, tmp_path: Path) -> None:
    if os.name == "nt" or not shutil.which("curl") or not shutil.which("bash"):
        pytest.skip("no curl or no bash")
    command = tmp_path / "wiremark"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m wiremark.cli "$@"\n')
    command.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    sources = os.pathsep.join(filter(None, [str(ROOT / "formatters"), os.getenv("PYTHONPATH")]))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", lines(emulator)],
        cwd=ROOT,
        env=environment(PATH=path, PYTHONPATH=sources),
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert [record.path for record in emulator.requests] == [
        "/v1/chat/completions",
        "/api/v1/services/aigc/text-generation/generation",
        "/v1/messages",
        "/compatible-mode/v1/chat/completions",
    ]
    assert [record.status for record in emulator.requests] == [200] * 4
    assert [bool(record.marks) for record in emulator.requests] == [True] * 4
    assert [
        (record.predicted.written > 1024) for record in emulator.requests if record.predicted
    ] == [
        True,
        True,
        True,
        False,
    ]
    assert [each.code for each in emulator.requests[3].findings]
    seen = json.loads(done.stdout[done.stdout.rindex('{"now"') :])
    assert [len(each["marks"]) for each in seen["requests"]] == [
        len(record.marks) for record in emulator.requests
    ]
    events = read_events(done.stdout.encode())
    assert any('"cached_tokens"' in event.data for event in events)


# ------------------------------------------------------------------------------------------- node


@pytest.fixture(scope="session")
def node_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the package installed, and kept from run to run where pytest caches."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node or npm is not installed")
    cache = getattr(request.config, "cache", None)
    wanted = json.loads((NODE / "package.json").read_text())["dependencies"]["openai"]
    folder: Path = (
        cache.mkdir(f"node-openai-{wanted}") if cache else tmp_path_factory.mktemp("node")
    )
    there = folder / "node_modules" / "openai" / "package.json"
    if not there.exists() or json.loads(there.read_text())["version"] != wanted:
        shutil.copy(NODE / "package.json", folder)
        done = subprocess.run(
            [npm, "install", *QUICKLY],
            cwd=folder,
            capture_output=True,
            check=False,
            text=True,
            timeout=120,
        )
        if done.returncode and (why := UNREACHABLE.search(done.stderr)):
            pytest.skip(f"npm cannot reach its registry: {why[0]}")
        assert done.returncode == 0, done.stderr
    shutil.copy(NODE / "loop.mjs", folder)
    return folder


def test_openai_of_node_sends_our_bytes_and_sees_what_is_cached(
    emulator: Emulator, node_folder: Path
) -> None:
    cities = (("Köln", "Paris"), ("Rome", "Oslo"))
    calls = [
        {"calls": [{"name": "weather", "arguments": {"city": city}} for city in each]}
        for each in cities
    ]
    emulator.reset(["one", "two 🙂", *calls, "Wrap up warm."])
    system = "You plan trips. 用中文. " * 400
    tools = [ToolSchema(name="weather", description="The weather.", parameters={"type": "object"})]
    request = OpenAIChatFormatter(host=ALIYUN, policy="rolling").build_request(
        "qwen-plus",
        [Msg.system(system), Msg.user('Weather in Köln \u2028 and "Paris"? 🙂\n\t\\')],
        tools=tools,
        validate=True,
    )
    job = {
        "base": f"{emulator.url}/compatible-mode/v1",
        "body": request.body,
        "system": system,
        "tools": request.body["tools"],
    }
    done = subprocess.run(
        ["node", "loop.mjs"],
        cwd=node_folder,
        env=environment(),
        input=json.dumps(job),
        capture_output=True,
        check=False,
        text=True,
        encoding="utf-8",
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    saw: dict[str, Any] = json.loads(done.stdout)
    assert (saw["said"], saw["answer"]) == ("two 🙂", "Wrap up warm.")

    plain, streamed, *turns = emulator.requests
    assert plain.raw == request.to_json().encode()
    assert jsontext.dumpb(request.messages) in streamed.raw
    assert jsontext.dumpb(request.body["tools"]) in streamed.raw
    for record in (plain, streamed):
        assert [(path, value) for path, _, value in record.marks] == list(request.plan.placed)
    assert [[path for path, _, _ in record.marks] for record in turns] == [
        ["messages[0].content[0]", f"messages[{last}].content[0]"] for last in (1, 4, 7)
    ]

    for told, record in zip(saw["usage"], emulator.requests, strict=True):
        usage, predicted = Usage.from_response({"usage": told}), record.predicted
        assert predicted is not None
        assert (usage.input, usage.cache_read) == (predicted.input, predicted.read)
        assert (usage.cache_write or 0) == predicted.written
    reads = [told["prompt_tokens_details"]["cached_tokens"] for told in saw["usage"]]
    assert reads[0] == 0
    assert min(reads[1:]) > 1500
    assert reads[2:] == sorted(reads[2:])
