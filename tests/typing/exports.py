"""Type-checked only: the lazy names of `wiremark` have their real types, and misspelt ones fail."""

from __future__ import annotations

from typing import assert_type

import wiremark
from wiremark import dashscope, errors, findings, marks, media, messages, openai, quirks, rules

assert_type(wiremark.__version__, str)
assert_type(wiremark.CacheBudgetWarning, type[errors.CacheBudgetWarning])
assert_type(wiremark.CacheRules, type[rules.CacheRules])
assert_type(wiremark.DashScopeChatFormatter, type[dashscope.DashScopeChatFormatter])
assert_type(wiremark.Finding, type[findings.Finding])
assert_type(wiremark.MediaPolicy, type[media.MediaPolicy])
assert_type(wiremark.Msg, type[messages.Msg])
assert_type(wiremark.OpenAIChatFormatter, type[openai.OpenAIChatFormatter])
assert_type(wiremark.Plan, type[marks.Plan])
assert_type(wiremark.Quirks.JAVA, quirks.Quirks)

misspelt = wiremark.Mgs  # type: ignore[attr-defined]
