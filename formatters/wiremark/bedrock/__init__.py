"""Amazon Bedrock's Converse protocol: its formatter, and the reading of its responses."""

from __future__ import annotations

from .formatter import BedrockConverseFormatter
from .response import read_content

__all__ = ["BedrockConverseFormatter", "read_content"]
