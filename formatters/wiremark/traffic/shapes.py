"""What credentials look like: in texts, in URLs, and by the names beside them.

Patterns are careful: each begins with letters that its issuer chose, or stands beside a name that
says what it is. Knows no request.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

__all__ = ["MASK", "is_secret_key", "is_secret_name", "secret_spans"]

MASK: Final = "***"
"""What every replacement begins with."""

# ------------------------------------------------------------------------------------------ names

_IN_NAMES: Final = re.compile(
    "auth|key|token|secret|cookie|passw|passphrase|signature|credential|bearer|jwt|oidc|saml"
    "|assertion|client-principal|client-cert"
)
_NO_SECRETS: Final = re.compile(
    "ratelimit|rate-limit|:authority|idempotency|tokenizer|author(?!i)|access-control-"
)
"""Numbers of tokens, a host, what tells retries, and what a browser is allowed."""
_SHORT_NAMES: Final = frozenset({"sig", "x-sig", "pwd", "pass", "x-pass", "q-ak"})

_KEYS: Final = (
    "apikey",
    "accesskey",
    "accesskeyid",
    "accesskeysecret",
    "accesstoken",
    "authtoken",
    "authorization",
    "authorizationtoken",
    "bearertoken",
    "clientsecret",
    "credentials",
    "idtoken",
    "passwd",
    "password",
    "privatekey",
    "refreshtoken",
    "secretaccesskey",
    "secretkey",
    "securitytoken",
    "sessiontoken",
    "setcookie",
    "subscriptionkey",
    "xosscredential",
    "xosssignature",
    "xtoken",
)
_IN_POLICIES: Final = frozenset({"policy", "signature"})


def is_secret_name(name: str) -> bool:
    """Say whether the value of a header or of a query parameter is a secret."""
    name = name.lower()
    if name in _SHORT_NAMES:
        return True
    return _IN_NAMES.search(name) is not None and _NO_SECRETS.search(name) is None


def is_secret_key(name: str, beside: Collection[str] = ()) -> bool:
    """Say whether the text under a key of JSON is a secret; `beside` are the keys of its object.

    The signature of a thinking block is none; that of an upload policy is one.
    """
    if name in _IN_POLICIES:
        return beside.__contains__("policy") and beside.__contains__("signature")
    return name.lower().replace("_", "").replace("-", "").endswith(_KEYS)


# ----------------------------------------------------------------------------------------- shapes

_PARAMETERS: Final = (
    r"x-(?:amz|goog|oss|cos|tos)-(?:signature|credential|security-token)|signature|sig|q-signature"
    r"|q-ak|(?:oss|aws)access-?keyid|googleaccessid|security-?token|api[-_]?key|access[-_]?key"
    r"|subscription-key|access_token|refresh_token|id_token|auth_token|client_secret|password"
    r"|authorization|token"
)
_FIELDS: Final = (
    r"(?:[\w-]*[_-])?(?:api[-_]?key|access[-_]?key(?:[-_]?(?:id|secret))?|secret[-_]?(?:access[-_]?)?key"
    r"|client[-_]?secret|(?:access|refresh|auth|id|session|security|bearer)[-_]?token"
    r"|authorization(?:[-_]token)?|password|passwd|private[-_]?key)"
)
_FORM_FIELDS: Final = (
    r"(?:OSSAccessKeyId|policy|[Ss]ignature|x-oss-[\w-]*(?:token|signature|credential)"
    rf"|{_FIELDS})"
)
_NEXT: Final = r"[?&\\](?:(?<=&)amp;|(?<=\\)u0026|(?<!\\))"  # what a parameter stands behind
_NAMED: Final = ("key", "token", "secret", "passw", "authoriz")  # one of them is in every field
_BEGUN: Final = r"(?<![A-Za-z0-9])"
_SOME: Final = r"(?![.…]+(?![A-Za-z0-9_-]))"  # not `sk-...`, by which a form is told
_DIGIT: Final = r"(?=[A-Za-z0-9._~+/=-]{0,99}[0-9])"

# How it begins, and the pattern; looked for at these places only, for most texts have none.
_BEGINNINGS: Final = tuple(
    (beginning, re.compile(pattern))
    for beginning, pattern in (
        # OpenAI, Anthropic, DashScope, DeepSeek, Moonshot, OpenRouter, LiteLLM
        ("sk-", rf"{_BEGUN}(sk-{_DIGIT}[A-Za-z0-9_-]{{16,}})"),
        # the same as errors repeat it, with stars or dots in its middle
        (
            "sk-",
            rf"{_BEGUN}(sk-{_SOME}[A-Za-z0-9_-]{{0,40}}(?:\*{{3,}}|\.{{3,}}|…)[A-Za-z0-9_-]{{0,40}})",
        ),
        *(  # Stripe
            (each, rf"{_BEGUN}({each}[A-Za-z0-9]{{16,}})")
            for each in ("sk_live_", "sk_test_", "rk_live_", "rk_test_")
        ),
        ("gsk_", rf"{_BEGUN}(gsk_[A-Za-z0-9]{{20,}})"),  # Groq
        ("xai-", rf"{_BEGUN}(xai-{_DIGIT}[A-Za-z0-9]{{20,}})"),
        ("nvapi-", rf"{_BEGUN}(nvapi-[A-Za-z0-9_-]{{20,}})"),
        ("pplx-", rf"{_BEGUN}(pplx-[A-Za-z0-9]{{20,}})"),
        ("tvly-", rf"{_BEGUN}(tvly-[A-Za-z0-9_-]{{16,}})"),
        ("hf_", rf"{_BEGUN}(hf_[A-Za-z0-9]{{20,}})"),
        ("npm_", rf"{_BEGUN}(npm_[A-Za-z0-9]{{36}})"),
        *((f"gh{each}_", rf"{_BEGUN}(gh{each}_[A-Za-z0-9]{{20,}})") for each in "opsur"),
        ("github_pat_", rf"{_BEGUN}(github_pat_[A-Za-z0-9_]{{20,}})"),
        ("glpat-", rf"{_BEGUN}(glpat-[A-Za-z0-9_-]{{20,}})"),
        ("xox", rf"{_BEGUN}(xox[abeoprs]-[A-Za-z0-9-]{{10,}})"),
        ("AIza", rf"{_BEGUN}(AIza[A-Za-z0-9_-]{{30,}})"),
        ("AKIA", rf"{_BEGUN}(AKIA[A-Z0-9]{{16}})(?![A-Za-z0-9])"),
        ("ASIA", rf"{_BEGUN}(ASIA[A-Z0-9]{{16}})(?![A-Za-z0-9])"),
        ("LTAI", rf"{_BEGUN}(LTAI[A-Za-z0-9]{{12,26}})(?![A-Za-z0-9])"),  # Alibaba Cloud
        ("STS.", rf"{_BEGUN}(STS\.[A-Za-z0-9]{{16,}})"),
        # JWT
        (
            "eyJ",
            r"(?<![A-Za-z0-9_-])(eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,})",
        ),
        ("earer ", rf"earer +({_DIGIT}[A-Za-z0-9._~+/=-]{{16,}})"),
        ("asic ", rf"(?<=[Bb])asic +({_DIGIT}[A-Za-z0-9+/=_-]{{16,}})"),
        (
            "-----BEGIN ",
            r"-----BEGIN (?:[A-Z]{1,20} ){0,3}PRIVATE KEY-----([\s\S]+?)(?:-----END|\Z)",
        ),
        # a name and a password in a URL
        ("://", r"""://([^\s/@:"'<>\\]{0,99}:[^\s/@"'<>\\]{1,200})@"""),
    )
)

# What a text must contain, any of what else, and the pattern; its group `secret`, or its first.
_BESIDE: Final = tuple(
    (needle, any_of, re.compile(pattern))
    for needle, any_of, pattern in (
        (
            "=",
            "?&",
            rf"""(?i){_NEXT}(?:{_PARAMETERS})=([^&;\s"'<>\\#)\]}}|,]+)""",
        ),
        ("=", "?&", rf"""{_NEXT}key=([^&;\s"'<>\\#)\]}}|,]{{16,}})"""),
        ("=", "=", rf"""(?i)\A(?:{_PARAMETERS})=([^&\s"'<>\\]+)(?:&|\Z)"""),  # begins a form
        (
            'name="',
            "\n",
            rf"""name="{_FORM_FIELDS}"\r?\n(?:[^\r\n]+\r?\n)*\r?\n(?P<secret>[^\r\n]+)""",
        ),
    )
)
_IN_JSON: Final = re.compile(rf"""(?i)(\\*["']){_FIELDS}\1\s*:\s*\1(?P<secret>[^"'\\]{{4,}})""")
"""JSON within a text."""
_DATA: Final = "data:"
_DATA_HEAD: Final = 200


def secret_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where in a text a credential stands, in no order; what is masked already is none."""
    if text.startswith(_DATA) and ";base64," in text[:_DATA_HEAD]:
        return  # an image has none, and is long
    for beginning, pattern in _BEGINNINGS:
        at = text.find(beginning)
        while at >= 0:
            match = pattern.match(text, at)
            end = at + len(beginning)
            if match is not None:
                end = match.end()
                if not match[1].startswith(MASK):
                    yield match.span(1)
            at = text.find(beginning, end)
    for needle, any_of, pattern in _BESIDE:
        if needle in text and any(each in text for each in any_of):
            group: int | str = "secret" if "secret" in pattern.groupindex else 1
            for match in pattern.finditer(text):
                if not match[group].startswith(MASK):
                    yield match.span(group)
    yield from _in_json(text)


def _in_json(text: str) -> Iterator[tuple[int, int]]:
    if ":" not in text or ('"' not in text and "'" not in text):
        return
    lowered = text.lower()
    if any(each in lowered for each in _NAMED):
        for match in _IN_JSON.finditer(text):
            if not match["secret"].startswith(MASK):
                yield match.span("secret")
