"""How many tokens a request has, up to the end of each of its blocks.

`token_counter` chooses by model name: Qwen's own vocabularies and chat templates, OpenAI's
vocabularies where they are on this machine, else an estimate with its band. The parts stand one on
another: `reading` knows wire forms, `measure` counts texts, `layout` and `qwen` know what providers
write around them, `counter` counts whole requests, `choose` puts them together.
"""

from ...estimate import Tokens, Verdict, estimate_tokens, over_minimum
from .choose import token_counter
from .counter import PromptCounter, PromptTokens, TokenCounter, Unit

__all__ = [
    "PromptCounter",
    "PromptTokens",
    "TokenCounter",
    "Tokens",
    "Unit",
    "Verdict",
    "estimate_tokens",
    "over_minimum",
    "token_counter",
]
