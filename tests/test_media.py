"""What media become in a request, and what a policy lets be read and written."""

from __future__ import annotations

import base64
import copy
import dataclasses
import hashlib
import io
import os
import pickle
import re
import secrets
import socket
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus, urlparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremark.errors import FormatError, MediaError, MediaRefused
from wiremark.media import (
    MediaPolicy,
    audio_format,
    data_url,
    extension,
    file_reference,
    guess_mime,
    inline_reference,
    is_local,
    names_local_file,
    store_result,
)

# ---------------------------------------------------------------- what a URL says by its text

# (URL, agentscope-java's isLocalFile, could a client read a file)
LOCALITY = [
    ("https://ex.org/a.png", False, False),
    ("http://ex.org/a.png", False, False),
    ("ftp://ex.org/a.png", False, False),
    ("oss://bucket/a.png", False, False),
    ("file:///a.png", False, True),
    ("FILE:///a.png", True, True),
    ("file:/a.png", True, True),
    ("file:a.png", True, True),
    ("HTTPS://ex.org/a.png", True, False),
    ("data:image/png;base64,AAAA", True, False),
    ("mailto:a@ex.org", True, False),
    ("s3://bucket/a.png", True, False),
    ("/a.png", True, True),
    ("a.png", True, True),
    ("~/a.png", True, True),
    ("C:\\a.png", True, True),
    ("c:/a.png", True, True),
    ("\\\\host\\share\\a.png", True, True),
    (" file:///a.png", True, True),
    ("fi\nle:///a.png", True, True),
    (":a.png", True, True),
    ("", False, False),
    (" \t\n", False, True),
    ("\xa0", True, True),
]


@pytest.mark.parametrize(("url", "local", "file"), LOCALITY)
def test_locality_as_java_sees_it_and_as_a_client_reads_it(
    url: str, local: bool, file: bool
) -> None:
    assert (is_local(url), names_local_file(url)) == (local, file)


# Recorded from JDK 17.0.15, which ran agentscope-java's rule on each URL (Linux, UTF-8).
EXTENSIONS = [
    ("https://h/a.png", "png"),
    ("https://h/a.PNG", "PNG"),
    ("https://h/a.tar.gz", "gz"),
    ("https://h/.png", "png"),
    ("https://h/a.", ""),
    ("https://h/a", ""),
    ("https://h", ""),
    ("https://h/", ""),
    ("https://h.png", ""),
    ("https://h/a.png?size=2&x=.jpg", "png"),
    ("https://h/a.png#x.jpg", "png"),
    ("https://h/a?x.png", ""),
    ("http://h?a.png", ""),
    ("http://h#a.png", ""),
    ("ftp://h/x.gif;type=i", "gif;type=i"),
    # path segments
    ("https://h/a.b/c", ""),
    ("https://h/a.png/", "png"),
    ("https://h/a.png/.", "png"),
    ("https://h/a.png/..", ""),
    ("https://h/..", ""),
    ("https://h/x/../a.png", "png"),
    ("http://a/b/c.d/../../..", ""),
    ("https://h//a//b.png//", "png"),
    ("https://h/%2e%2e/a.png", "png"),
    ("https://h/a.png/%2e%2e", ""),
    # decoded after segments are resolved
    ("https://h/a%2Epng", "png"),
    ("https://h/a.png%2F", "png"),
    ("https://h/a.png/%2F", "png"),
    ("https://h/a.%e4%bd%a0", "你"),
    ("https://h/a.%ff%e4%bd", "\ufffd\ufffd"),
    ("https://h/%C0%AFa.p%C3%28", "p\ufffd("),
    ("https://h/a%00.png", ""),
    # refused by java.net.URI
    ("https://h/a b.png", ""),
    ("https://h/a[1].png", ""),
    ("https://h/a|b.png", ""),
    ("https://h/%zz.png", ""),
    ("https://h/\\a.png", ""),
    ("https://h/{a}.png", ""),
    ("https://h/a^.png", ""),
    ("https://h/a`.png", ""),
    ('https://h/"a".png', ""),
    ("https://h/<a>.png", ""),
    ("https://h/a.png?x y", ""),
    ("https://h/a.png#a#b", ""),
    ("https://h/a.png\n", ""),
    ("https://h/a\x7f.png", ""),
    ("https://h/a\x80.png", ""),
    ("https://h/a\xa0.png", ""),
    ("https://h/\u3000.png", ""),
    ("https://h/a\ud800.png", ""),
    ("http://", ""),
    ("file://", ""),
    # "other" characters, and brackets where RFC 2732 has them
    ("https://图.cn/猫.png", "png"),
    ("https://h/a.\U0001f600", "\U0001f600"),
    ("https://h/a\u200b.png", "png"),
    ("https://h/a.png?x[]", "png"),
    ("https://h/a.png#[]", "png"),
    # authorities
    ("http:///a.png", "png"),
    ("http://?x", ""),
    ("file:///a.png", "png"),
    ("file:////a.png", "png"),
    ("file://a.png", ""),
    ("oss://bucket_1/cat.png", "png"),
    ("https://u:p@h:80/a.png", "png"),
    ("https://h:/a.png", "png"),
    ("https://h:abc/a.png", "png"),
    ("https://h:80:90/a.png", "png"),
    ("https://a@b@c/a.png", "png"),
    ("https://h%zz/a.png", ""),
    ("https://h\\x/a.png", ""),
    ("https://[::1]/a.png", "png"),
    ("https://[::1]:80/a.png", "png"),
    ("https://[::1]:/a.png", "png"),
    ("https://u%41@[::1]/a.png", "png"),
    ("https://[fe80::1%25eth0]/a.png", "png"),
    ("https://[fe80::1%eth0]/a.png", "png"),
    ("https://[::1.2.3.4]/a.png", "png"),
    ("https://[1:2:3:4:5:6:7::]/a.png", "png"),
    ("https://u%zz@[::1]/a.png", ""),
    ("https://[::1]:x/a.png", ""),
    ("https://[::1]:99999999999/a.png", ""),
    ("https://[::1]x/a.png", ""),
    ("https://x[::1]/a.png", ""),
    ("https://[::1%]/a.png", ""),
    ("https://[bad]/a.png", ""),
    ("https://[1::2::3]/a.png", ""),
    ("https://[]/a.png", ""),
    ("https://]/a.png", ""),
    # local paths: the whole text is the path
    ("/x/a.png", "png"),
    ("小 图.png", "png"),
    ("a.png?x", "png?x"),
    ("a.png/", "png"),
    ("a.png/..", ""),
    ("/a.b/c", ""),
    ("..", ""),
    ("a\\b.c\\d", "c\\d"),
    ("C:\\x.png", "png"),
    ("a\0.png", ""),
    ("a\ud800.png", ""),
    ("\ud800/../a.png", ""),
    ("data:,x.png", "png"),
    ("data:image/png;base64,iVBO", ""),
    ("file:/x.png", "png"),
    ("mailto:a@b.png", "png"),
    ("HTTPS://h/a.png?x.y", "y"),
    ("", ""),
    ("  ", ""),
]


@pytest.mark.parametrize(("url", "expected"), EXTENSIONS)
def test_extension_is_what_java_finds(url: str, expected: str) -> None:
    assert extension(url) == expected


@given(st.text())
def test_extension_has_no_slash_and_is_found_in_any_text(text: str) -> None:
    for url in (text, f"https://h/{text}", f"file://{text}"):
        assert "/" not in extension(url)


def test_extension_of_a_long_url_is_found_at_once() -> None:
    assert extension("https://h/" + "a%20" * 50_000 + " .png") == ""
    assert extension("https://h/" + "../" * 50_000 + "a.png") == "png"


MIMES = {
    "image/jpeg": "jpg jpeg",
    "image/png": "png",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/heic": "heic",
    "image/heif": "heif",
    "audio/mp3": "mp3",
    "audio/wav": "wav",
    "audio/aiff": "aiff",
    "audio/aac": "aac",
    "audio/ogg": "ogg",
    "audio/flac": "flac",
    "video/mp4": "mp4",
    "video/mpeg": "mpeg mpg",
    "video/quicktime": "mov",
    "video/x-msvideo": "avi",
    "video/webm": "webm",
    "video/x-ms-wmv": "wmv",
    "video/x-flv": "flv",
    "video/3gpp": "3gp 3gpp",
}


@pytest.mark.parametrize(
    ("ending", "mime"), [(e, mime) for mime, endings in MIMES.items() for e in endings.split()]
)
def test_mime_follows_from_the_extension_in_any_case(ending: str, mime: str) -> None:
    assert guess_mime(f"https://h/a.{ending}?x=.bin") == mime
    assert guess_mime(f"dir/a.{ending.upper()}") == mime


@pytest.mark.parametrize("url", ["", "a", "a.pdf", "https://h/a.xyz", "data:image/png;base64,AA"])
def test_mime_of_an_unknown_extension_is_none(url: str) -> None:
    assert guess_mime(url) is None


@pytest.mark.parametrize(
    ("mime", "expected"),
    [
        ("audio/wav", "wav"),
        ("audio/x-wav;rate=16000", "wav"),
        ("audio/mp3", "mp3"),
        ("audio/opus", "opus"),
        ("audio/flac", "flac"),
        ("audio/mp3;codecs=opus", "mp3"),
        ("audio/wav+flac", "wav"),
        ("AUDIO/WAV", "mp3"),
        ("audio/mpeg", "mp3"),
        ("", "mp3"),
    ],
)
def test_audio_format_is_the_first_known_one_in_the_mime_text(mime: str, expected: str) -> None:
    assert audio_format(mime) == expected


def test_data_url_is_put_together_unchecked() -> None:
    assert data_url("image/png", "iVBO") == "data:image/png;base64,iVBO"
    assert data_url("", "not base64") == "data:;base64,not base64"


# ---------------------------------------------------------------- a small tree of files

SECRET = b"secret"


def grow(tree: Path) -> Path:
    root = tree / "root"
    (root / "sub").mkdir(parents=True)
    (root / "a.png").write_bytes(b"png")
    (root / "sub" / "b b.wav").write_bytes(b"wav")
    (root / "小图.png").write_bytes(b"cjk")
    (tree / "secret.png").write_bytes(SECRET)
    (tree / "other").mkdir()
    (tree / "other" / "secret.png").write_bytes(SECRET)
    (tree / "rooted").mkdir()
    (tree / "rooted" / "secret.png").write_bytes(SECRET)
    (root / "out.png").symlink_to(tree / "secret.png")
    (root / "out").symlink_to(tree / "other")
    (root / "in.png").symlink_to(root / "sub" / "b b.wav")
    (root / "gone.png").symlink_to(tree / "missing.png")
    (root / "loop.png").symlink_to(root / "loop.png")
    (tree / "alias").symlink_to(root)
    return tree
    return tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder: `root` is what a policy names, everything else is outside."""
    return grow(tmp_path)


@pytest.fixture
def root(tree: Path) -> Path:
    return tree / "root"


@pytest.fixture
def policy(root: Path) -> MediaPolicy:
    return MediaPolicy(roots=[root])


@pytest.fixture
def in_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(root)
    return root


def record_opens(patch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    seen: list[tuple[int, int]] = []
    really = os.open

    def recording(path: Any, flags: int, *args: Any, **named: Any) -> int:
        descriptor = really(path, flags, *args, **named)
        info = os.fstat(descriptor)
        seen.append((info.st_dev, info.st_ino))
        return descriptor

    patch.setattr(os, "open", recording)
    patch.setattr(os, "supports_dir_fd", os.supports_dir_fd | {recording})
    return seen


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Return a list that fills with device and inode of what is opened from now on."""
    return record_opens(monkeypatch)


def refused(call: Callable[[], Any]) -> MediaRefused:
    with pytest.raises(MediaRefused) as caught:
        call()
    return caught.value


def failed(call: Callable[[], Any]) -> MediaError:
    with pytest.raises(MediaError) as caught:
        call()
    assert type(caught.value) is MediaError
    return caught.value


# ---------------------------------------------------------------- the policy as a value


def test_policy_names_nothing_by_default() -> None:
    policy = MediaPolicy()
    assert (policy.roots, policy.max_bytes, policy.tool_result_dir) == ((), 20_000_000, None)


def test_policy_paths_are_absolute_and_real(in_root: Path, tree: Path) -> None:
    policy = MediaPolicy(roots=["sub/..", tree / "alias" / "sub"], tool_result_dir="new/../results")
    assert policy.roots == (in_root, in_root / "sub")
    assert policy.tool_result_dir == in_root / "results"
    assert not (in_root / "results").exists()


def test_single_root_is_one_root_not_a_sequence_of_letters(root: Path) -> None:
    assert MediaPolicy(roots=str(root)).roots == (root,)
    assert MediaPolicy(roots=root).roots == (root,)


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"roots": [""]}, "roots[0]"),
        ({"roots": ["/", "a\0b"]}, "roots[1]"),
        ({"tool_result_dir": ""}, "tool_result_dir"),
        ({"max_bytes": -1}, "max_bytes"),
    ],
)
def test_policy_that_names_nothing_real_says_where(arguments: dict[str, Any], path: str) -> None:
    assert failed(lambda: MediaPolicy(**arguments)).path == path


def test_policy_is_a_frozen_value(policy: MediaPolicy, root: Path) -> None:
    assert policy == MediaPolicy(roots=(root,))
    assert hash(policy) == hash(MediaPolicy(roots=(root,)))
    assert pickle.loads(pickle.dumps(policy)) == copy.deepcopy(policy) == policy
    assert dataclasses.replace(policy, max_bytes=5) == MediaPolicy(roots=[root], max_bytes=5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        policy.max_bytes = 1  # type: ignore[misc]


# ---------------------------------------------------------------- what a policy lets be read


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("{root}/a.png", "a.png"),
        ("//{root}//a.png", "a.png"),
        ("{root}/./sub/../a.png", "a.png"),
        ("{root}/no/such/../../a.png", "a.png"),
        ("{root}/../root/a.png", "a.png"),
        ("{root}/in.png", "sub/b b.wav"),
        ("{tree}/alias/a.png", "a.png"),
        ("a.png", "a.png"),
        ("sub/b b.wav", "sub/b b.wav"),
        ("小图.png", "小图.png"),
        ("file://{root}/a.png", "a.png"),
        ("FILE://{root}/a.png", "a.png"),
        ("file:{root}/a.png", "a.png"),
        ("file:a.png", "a.png"),
        ("file://localhost{root}/a.png", "a.png"),
        ("file://{root}/sub/b%20b.wav", "sub/b b.wav"),
        ("file://{root}/sub/b b.wav", "sub/b b.wav"),
        ("file://{root}/%E5%B0%8F图.png", "小图.png"),
        ("file://{root}/sub%2F%2e%2e/a.png?x#y", "a.png"),
    ],
)
def test_file_under_a_root_is_found_by_every_spelling(
    policy: MediaPolicy, in_root: Path, tree: Path, url: str, path: str
) -> None:
    url = url.format(root=in_root, tree=tree)
    assert policy.open_path(url) == in_root / path
    assert policy.read(url) == (in_root / path).read_bytes()


OUTSIDE = [
    "{tree}/secret.png",
    "{root}/../secret.png",
    "{root}/sub/../../secret.png",
    "../secret.png",
    "{tree}/rooted/secret.png",
    "{root}/out.png",
    "{root}/out/secret.png",
    "{tree}/alias/out.png",
    "file://{tree}/secret.png",
    "file:{tree}/secret.png",
    "file://{root}/%2e%2e/secret.png",
    "file://{root}/..%2Fsecret.png",
    "file:%2e%2e/secret.png",
    "/etc/passwd",
    "/dev/zero",
    "/proc/self/environ",
    "~/.ssh/id_rsa",
]


@pytest.mark.parametrize("url", OUTSIDE)
def test_file_outside_the_roots_is_neither_found_nor_opened(
    policy: MediaPolicy, in_root: Path, tree: Path, url: str, opened: list[tuple[int, int]]
) -> None:
    url = url.format(root=in_root, tree=tree)
    for call in (policy.open_path, policy.read):
        with pytest.raises(MediaError):
            call(url)
    assert opened == []


@pytest.mark.parametrize("url", OUTSIDE[: OUTSIDE.index("/etc/passwd")])
def test_refusal_does_not_tell_whether_the_file_exists(
    policy: MediaPolicy, in_root: Path, tree: Path, url: str
) -> None:
    url = url.format(root=in_root, tree=tree)
    there = refused(lambda: policy.open_path(url))
    for name in ("secret.png", "other/secret.png", "rooted/secret.png"):
        (tree / name).unlink()
    assert refused(lambda: policy.open_path(url)) == there
    for name in ("other", "rooted"):
        (tree / name).rmdir()
    assert refused(lambda: policy.open_path(url)) == there


def test_dots_are_resolved_before_links(policy: MediaPolicy, root: Path) -> None:
    (root / "secret.png").write_bytes(b"mine")
    assert policy.read(f"{root}/out/../secret.png") == b"mine"


def test_refusal_says_how_to_allow_the_folder(policy: MediaPolicy, tree: Path) -> None:
    error = refused(lambda: policy.open_path(f"{tree}/x/../secret.png"))
    assert (
        error.problem == f"local file '{tree}/x/../secret.png' is not under a root of a MediaPolicy"
    )
    assert error.advice == (
        f'to allow it, pass MediaPolicy(roots=["{tree}"]), beside the roots it has'
    )


def test_refusal_of_a_link_names_no_target(policy: MediaPolicy, root: Path) -> None:
    error = refused(lambda: policy.open_path(f"{root}/out.png"))
    assert "symbolic link" in error.problem
    assert "secret" not in str(error)


def test_policy_without_roots_allows_no_file(root: Path) -> None:
    error = refused(lambda: MediaPolicy().open_path(f"{root}/a.png"))
    assert error.advice == f'to allow it, pass MediaPolicy(roots=["{root}"])'


def test_file_url_of_another_host_is_refused(policy: MediaPolicy, root: Path) -> None:
    assert "host 'evil'" in refused(lambda: policy.open_path(f"file://evil{root}/a.png")).problem


def test_missing_file_under_a_root_is_said_to_be_missing(policy: MediaPolicy, root: Path) -> None:
    for name in ("no.png", "no/a.png", "a.png/x"):
        url = f"{root}/{name}"
        assert failed(partial(policy.read, url)).problem == f"'{url}' does not exist"


@pytest.mark.parametrize(
    "url",
    [
        "{root}/a\0.png",
        "file://{root}/a%00.png",
        "{root}/\ud800.png",
        "file://{root}/%ff.png",
        "{root}/" + "x" * 300,
        "{root}/" + "x/" * 3000,
        "",
        "file://",
        "file:",
    ],
)
def test_what_is_no_path_is_a_media_error_not_an_os_error(
    policy: MediaPolicy, root: Path, url: str
) -> None:
    url = url.format(root=root)
    for call in (policy.open_path, policy.read):
        error = failed(partial(call, url))
        assert len(str(error)) < 500


def test_unreadable_path_is_a_media_error(policy: MediaPolicy, root: Path) -> None:
    with pytest.raises(MediaError):
        policy.open_path(f"{root}/loop.png")


def test_path_that_cannot_be_resolved_is_refused(
    policy: MediaPolicy, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(path: str) -> str:
        raise RecursionError

    monkeypatch.setattr(os.path, "realpath", endless)
    refused(lambda: policy.read(f"{root}/a.png"))


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


@pytest.mark.parametrize(
    ("make", "kind"), [(Path.mkdir, "folder"), (make_fifo, "pipe"), (make_socket, "socket")]
)
def test_what_is_no_regular_file_is_refused_unopened(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    opened: list[tuple[int, int]],
    make: Callable[[Path], None],
    kind: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    make(Path("x"))
    policy = MediaPolicy(roots=[tmp_path])
    for call in (policy.open_path, policy.read):
        assert kind in refused(partial(call, "x")).problem
    assert opened == []


def test_root_itself_is_no_file(policy: MediaPolicy, root: Path) -> None:
    assert "folder" in refused(lambda: policy.read(str(root))).problem


def test_device_under_a_root_is_refused_unopened(opened: list[tuple[int, int]]) -> None:
    policy = MediaPolicy(roots=["/dev"])
    assert "device" in refused(lambda: policy.read("/dev/zero")).problem
    assert opened == []


def test_too_large_file_is_refused_with_both_sizes(root: Path) -> None:
    assert MediaPolicy(roots=[root], max_bytes=3).read(f"{root}/a.png") == b"png"
    error = refused(lambda: MediaPolicy(roots=[root], max_bytes=2).open_path(f"{root}/a.png"))
    assert error.problem == f"'{root}/a.png' has 3 bytes, the limit is 2 bytes"
    assert "max_bytes=3" in error.advice


def test_file_that_grows_is_read_no_further_than_the_limit(
    policy: MediaPolicy, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Growing(io.FileIO):
        def read(self, size: int | None = -1) -> bytes:
            assert self.tell() < 20_000_000
            self.seek(30_000_000)
            return b"x" * 30_000_000

    monkeypatch.setattr(os, "fdopen", Growing)
    error = refused(lambda: policy.read(f"{root}/a.png"))
    assert error.problem == f"'{root}/a.png' has 30000000 bytes, the limit is 20000000 bytes"


def test_folder_exchanged_for_a_link_after_the_check_is_not_followed(
    policy: MediaPolicy, root: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "sub" / "secret.png").write_bytes(b"mine")
    locate = MediaPolicy._locate

    def exchange(self: MediaPolicy, url: str) -> tuple[Path, Path]:
        found = locate(self, url)
        (root / "sub").rename(tree / "moved")
        (root / "sub").symlink_to(tree / "other")
        return found

    monkeypatch.setattr(MediaPolicy, "_locate", exchange)
    with pytest.raises(MediaError):
        policy.read(f"{root}/sub/secret.png")


def test_file_exchanged_for_a_pipe_after_the_check_does_not_block(
    policy: MediaPolicy, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locate = MediaPolicy._locate

    def exchange(self: MediaPolicy, url: str) -> tuple[Path, Path]:
        found = locate(self, url)
        (root / "a.png").unlink()
        os.mkfifo(root / "a.png")
        return found

    monkeypatch.setattr(MediaPolicy, "_locate", exchange)
    assert "pipe" in refused(lambda: policy.read(f"{root}/a.png")).problem


def test_file_is_read_where_folders_have_no_descriptors(
    policy: MediaPolicy, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "supports_dir_fd", set())
    assert policy.read(f"{root}/sub/b b.wav") == b"wav"


SEGMENTS = ["", ".", "..", "root", "sub", "a.png", "b b.wav", "out", "out.png", "in.png", "other"]
SEGMENTS += ["secret.png", "gone.png", "loop.png", "alias", "rooted", "%2e%2e", "..%2f", "%00", "~"]


STARTS = ["", "/", "{tree}/", "{root}/", "file://{root}/", "file:{tree}/", "FILE:"]


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return grow(tmp_path_factory.mktemp("grown"))


@given(
    start=st.sampled_from(STARTS),
    segments=st.lists(st.sampled_from(SEGMENTS) | st.text(max_size=3), max_size=8),
)
def test_nothing_outside_the_roots_is_ever_opened(
    grown: Path, start: str, segments: list[str]
) -> None:
    root = grown / "root"
    inside = {(info.st_dev, info.st_ino) for info in map(Path.lstat, [root, *root.rglob("*")])}
    url = start.format(tree=grown, root=root) + "/".join(segments)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        policy = MediaPolicy(roots=["."])
        seen = record_opens(patch)
        try:
            found = policy.open_path(url)
            assert found.is_relative_to(root)
            assert policy.read(url) in {b"png", b"wav", b"cjk"}
        except MediaError:
            assert seen == []
    assert set(seen) <= inside


# ---------------------------------------------------------------- file references


JAVA_REFERENCES = [
    ("{root}/a.png", "file://{root}/a.png"),
    ("{root}/../root/a.png", "file://{root}/../root/a.png"),
    ("a.png", "file://{root}/a.png"),
    ("./a.png", "file://{root}/./a.png"),
    ("../secret.png", "file://{root}/../secret.png"),
    ("sub//b b.wav", "file://{root}/sub/b b.wav"),
    ("小图.png", "file://{root}/小图.png"),
    ("sub/", "file://{root}/sub"),
    ("/", "file:///"),
    # unchanged
    ("no.png", "no.png"),
    ("gone.png", "gone.png"),
    ("", ""),
    (" ", " "),
    ("a\0.png", "a\0.png"),
    ("a\ud800.png", "a\ud800.png"),
    ("x" * 5000, "x" * 5000),
    ("file://{root}/a.png", "file://{root}/a.png"),
    ("file:{root}/a.png", "file:{root}/a.png"),
    ("https://ex.org/a.png", "https://ex.org/a.png"),
    ("HTTPS://ex.org/a.png", "HTTPS://ex.org/a.png"),
    ("data:image/png;base64,AAAA", "data:image/png;base64,AAAA"),
]


@pytest.mark.parametrize(("url", "expected"), JAVA_REFERENCES)
def test_any_existing_path_becomes_absolute_as_in_java(
    in_root: Path, opened: list[tuple[int, int]], url: str, expected: str
) -> None:
    got = file_reference(url.format(root=in_root), policy=None, any_local_path=True)
    assert got == expected.format(root=in_root)
    assert opened == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("a.png", "file://{root}/a.png"),
        ("{root}/sub/../a.png", "file://{root}/a.png"),
        ("in.png", "file://{root}/sub/b b.wav"),
        ("小图.png", "file://{root}/小图.png"),
        ("file://{root}/sub/b%20b.wav", "file://{root}/sub/b b.wav"),
        ("file:{root}/a.png", "file://{root}/a.png"),
    ],
)
def test_allowed_file_becomes_its_real_path(
    policy: MediaPolicy, in_root: Path, opened: list[tuple[int, int]], url: str, expected: str
) -> None:
    got = file_reference(url.format(root=in_root), policy=policy, any_local_path=False)
    assert got == expected.format(root=in_root)
    assert opened == []


def test_file_name_reaches_a_client_that_decodes_it(policy: MediaPolicy, root: Path) -> None:
    name = "100%+1?#%2e%2e%2fx\n.png"
    (root / name).touch()
    got = file_reference(f"{root}/{name}", policy=policy, any_local_path=False)
    assert got == f"file://{root}/100%25%2B1%3F%23%252e%252e%252fx%0A.png"
    assert unquote_plus(urlparse(got).path) == f"{root}/{name}"


REMOTE = ["https://ex.org/a.png", "HTTPS://x/y", "oss://b/c", "data:,x.png", "mailto:a@b.png", ""]


@pytest.mark.parametrize("url", REMOTE)
def test_what_names_no_local_file_is_unchanged(policy: MediaPolicy, url: str) -> None:
    for given_policy in (None, policy):
        assert file_reference(url, policy=given_policy, any_local_path=False) == url
        assert inline_reference(url, policy=given_policy) == url


@pytest.mark.parametrize("name", ["a.png", "no.png", "out.png"])
def test_local_file_without_a_policy_is_refused_with_its_folder(root: Path, name: str) -> None:
    for url in (f"{root}/{name}", f"file://{root}/{name}"):
        error = refused(partial(file_reference, url, policy=None, any_local_path=False))
        assert error.advice == f'to allow it, pass MediaPolicy(roots=["{root}"])'
        assert "symbolic" not in error.problem


@pytest.mark.parametrize("url", ["a\0", "x" * 5000, "file:%ff", "file://host/x", "\ud800"])
def test_no_path_without_a_policy_is_refused_too(url: str) -> None:
    refused(lambda: file_reference(url, policy=None, any_local_path=False))


def test_refused_or_missing_file_is_no_reference(policy: MediaPolicy, root: Path) -> None:
    refused(lambda: file_reference(f"{root}/out.png", policy=policy, any_local_path=False))
    failed(lambda: file_reference(f"{root}/no.png", policy=policy, any_local_path=False))


# ---------------------------------------------------------------- inline references


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.png", "data:image/png;base64,cG5n"),
        ("file:sub/b%20b.wav", "data:audio/wav;base64,d2F2"),
        ("plain", "data:application/octet-stream;base64,"),
    ],
)
def test_allowed_file_becomes_a_data_url(
    policy: MediaPolicy, in_root: Path, name: str, expected: str
) -> None:
    (in_root / "plain").touch()
    assert inline_reference(name, policy=policy) == expected


def test_without_roots_nothing_is_touched(root: Path, opened: list[tuple[int, int]]) -> None:
    for policy in (None, MediaPolicy(), MediaPolicy(tool_result_dir=root)):
        for url in (f"{root}/a.png", f"file://{root}/a.png", "/etc/passwd", "no\0"):
            assert inline_reference(url, policy=policy) == url
    assert opened == []


def test_refused_or_missing_file_is_not_inlined(policy: MediaPolicy, root: Path) -> None:
    refused(lambda: inline_reference(f"{root}/out.png", policy=policy))
    refused(lambda: inline_reference(f"{root}/../secret.png", policy=policy))
    failed(lambda: inline_reference(f"{root}/no.png", policy=policy))


# ---------------------------------------------------------------- media of tool results

PNG = "iVBORw0KGgp0aW55"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "results"


def store(
    results: Path, media_type: str = "image/png", data: str = PNG, *, fresh: bool = False
) -> Path:
    policy = MediaPolicy(tool_result_dir=results)
    return Path(store_result(media_type, data, policy=policy, fresh=fresh, abort=False))


@pytest.mark.parametrize("fresh", [False, True])
def test_result_is_written_for_its_owner_only(results: Path, fresh: bool) -> None:
    path = store(results, fresh=fresh)
    assert path.parent == results
    assert path.read_bytes() == base64.b64decode(PNG)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(results.iterdir()) == [path]


def test_result_is_named_after_its_content(results: Path) -> None:
    digest = hashlib.sha256(base64.b64decode(PNG)).hexdigest()[:32]
    assert store(results) == results / f"{digest}.png"
    assert store(results, data="") == results / "e3b0c44298fc1c149afbf4c8996fb924.png"


def test_same_result_is_written_once(results: Path) -> None:
    first = store(results)
    written = first.stat()
    assert store(results) == first
    assert first.stat().st_ino == written.st_ino
    assert first.stat().st_mtime_ns == written.st_mtime_ns


def test_fresh_result_is_a_new_file_each_time(results: Path) -> None:
    first, second = store(results, fresh=True), store(results, fresh=True)
    assert first != second
    assert re.fullmatch(r"agentscope_[0-9]+\.png", first.name)


def test_fresh_result_never_takes_a_name_that_exists(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter([7, 7, 8])
    monkeypatch.setattr(secrets, "randbits", lambda bits: next(numbers))
    assert store(results, fresh=True).name == "agentscope_7.png"
    assert store(results, fresh=True).name == "agentscope_8.png"


# (media type, ending in Java, as recorded from JDK 17.0.15, ending by default)
ENDINGS = [
    ("image/png", "png", "png"),
    ("png", "png", "png"),
    ("image/PNG", "PNG", "png"),
    ("image/svg+xml", "svg+xml", "svg+xml"),
    ("audio/wav;rate=16000", "wav;rate=16000", "wav"),
    ("audio/wav; codecs=1", "wav; codecs=1", "wav"),
    ("a/b/c", "b", "b"),
    ("/png", "png", "png"),
    ("image//x", "", "bin"),
    ("", "", "bin"),
    ("image/图", "图", "bin"),
    ("image/..", "..", "bin"),
    ("image/a b", "a b", "ab"),
    ("image/a\nb", "a\nb", "ab"),
]


@pytest.mark.parametrize(("media_type", "java", "default"), ENDINGS)
def test_ending_is_the_subtype(results: Path, media_type: str, java: str, default: str) -> None:
    assert store(results, media_type, fresh=True).name.partition(".")[2] == java
    assert store(results, media_type).name.partition(".")[2] == default


@pytest.mark.parametrize("fresh", [False, True])
@given(subtype=st.text(max_size=20) | st.sampled_from(["../../x", "..\\..\\x", "\\", "a" * 150]))
def test_no_media_type_leaves_the_folder(grown: Path, fresh: bool, subtype: str) -> None:
    folder = grown / "results"
    for media_type in (subtype, f"image/{subtype}"):
        try:
            path = store(folder, media_type, fresh=fresh)
        except MediaError:
            continue
        assert path.parent == folder
        assert "\\" not in path.name
        assert path.is_file()


# Recorded from java.util.Base64.getDecoder() of JDK 17.0.15; None where it throws.
BASE64 = [
    ("", b""),
    ("AA", b"\0"),
    ("AA==", b"\0"),
    ("AAA", b"\0\0"),
    ("AAA=", b"\0\0"),
    ("AAAA", b"\0\0\0"),
    ("AAAAAA", b"\0\0\0\0"),
    ("QR==", b"A"),
    ("QRR=", b"A\x14"),
    ("AA+/", b"\0\x0f\xbf"),
    ("=", None),
    ("==", None),
    ("====", None),
    ("A", None),
    ("A=", None),
    ("A==", None),
    ("A===", None),
    ("AA=", None),
    ("AA===", None),
    ("AAA==", None),
    ("AAAA=", None),
    ("AAAA==", None),
    ("AAAA====", None),
    ("AAAAA", None),
    ("AAAAA=", None),
    ("AA==AA==", None),
    ("AA=A", None),
    ("=AAA", None),
    ("A A A", None),
    ("AAAA\n", None),
    (" AAAA", None),
    ("AA-_", None),
    ("AAA\0", None),
    ("AAAé", None),
    ("AAA图", None),
]


@pytest.mark.parametrize(("data", "content"), BASE64)
def test_base64_is_read_as_java_reads_it(results: Path, data: str, content: bytes | None) -> None:
    if content is None:
        assert "not base64" in failed(lambda: store(results, data=data)).problem
        assert not results.exists()
    else:
        assert store(results, data=data).read_bytes() == content


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize(
    ("media_type", "data"),
    [("image/", PNG), ("/", PNG), ("image//", PNG), ("//", PNG), ("image/png", "?")],
)
def test_undecodable_result_aborts_or_fails_alone(
    results: Path, media_type: str, data: str, fresh: bool
) -> None:
    policy = MediaPolicy(tool_result_dir=results)
    failed(lambda: store_result(media_type, data, policy=policy, fresh=fresh, abort=False))
    for given_policy in (policy, None):
        with pytest.raises(FormatError):
            store_result(media_type, data, policy=given_policy, fresh=fresh, abort=True)


@pytest.mark.parametrize("media_type", ["image/a\0b", "image/\ud800"])
def test_subtype_that_no_file_can_have_aborts_as_in_java(results: Path, media_type: str) -> None:
    policy = MediaPolicy(tool_result_dir=results)
    with pytest.raises(FormatError):
        store_result(media_type, PNG, policy=policy, fresh=True, abort=True)
    assert store(results, media_type).suffix in {".ab", ".bin"}


@pytest.mark.parametrize("policy", [None, MediaPolicy(), MediaPolicy(roots="/")])
@pytest.mark.parametrize("fresh", [False, True])
def test_result_without_a_folder_is_refused(policy: MediaPolicy | None, fresh: bool) -> None:
    call = partial(store_result, "image/png", PNG, policy=policy, fresh=fresh, abort=True)
    assert refused(call).advice == "pass MediaPolicy(tool_result_dir=...)"


@pytest.mark.parametrize(("data", "size"), [("AAAA", 3), ("AAA", 2), ("AA==", 1), ("AAAAAA", 4)])
def test_limit_counts_decoded_bytes(results: Path, data: str, size: int) -> None:
    def write(limit: int) -> str:
        policy = MediaPolicy(tool_result_dir=results, max_bytes=limit)
        return store_result("image/png", data, policy=policy, fresh=False, abort=True)

    error = refused(lambda: write(size - 1))
    assert f"has {size} bytes, the limit is {size - 1} bytes" in error.problem
    assert not results.exists()
    assert Path(write(size)).stat().st_size == size


def test_link_in_the_way_is_replaced_not_written_through(results: Path, tmp_path: Path) -> None:
    path = store(results)
    victim = tmp_path / "victim"
    for content in (b"precious", base64.b64decode(PNG)):
        victim.write_bytes(content)
        path.unlink()
        path.symlink_to(victim)
        assert store(results) == path
        assert not path.is_symlink()
        assert victim.read_bytes() == content


def test_pipe_in_the_way_is_replaced_unopened(results: Path) -> None:
    path = store(results, data="")
    path.unlink()
    os.mkfifo(path)
    assert store(results, data="") == path
    assert path.is_file()


@pytest.mark.parametrize("wrong", [b"short", b"twelve bytes"])
def test_file_of_other_content_in_the_way_is_replaced(results: Path, wrong: bytes) -> None:
    path = store(results)
    path.write_bytes(wrong)
    assert store(results).read_bytes() == base64.b64decode(PNG)
    assert list(results.iterdir()) == [path]


def test_folder_in_the_way_is_a_media_error(results: Path) -> None:
    path = store(results)
    path.unlink()
    path.mkdir()
    assert "cannot be written" in failed(lambda: store(results)).problem
    assert list(results.iterdir()) == [path]


def test_folder_that_cannot_be_made_is_a_media_error_even_where_faults_abort(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    policy = MediaPolicy(tool_result_dir=tmp_path / "file" / "results")
    for fresh in (False, True):
        failed(partial(store_result, "a/b", "", policy=policy, fresh=fresh, abort=True))


def test_half_written_file_is_removed(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fdopen", FullDisk)
    for fresh in (False, True):
        assert "disk full" in failed(partial(store, results, fresh=fresh)).problem
    assert list(results.iterdir()) == []


class FullDisk(io.FileIO):
    def write(self, data: Any) -> int:
        raise OSError(28, "disk full")


def test_result_is_no_root(results: Path) -> None:
    path = store(results)
    refused(lambda: MediaPolicy(tool_result_dir=results).open_path(str(path)))
