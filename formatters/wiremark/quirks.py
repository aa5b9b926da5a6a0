"""Which defects of agentscope-java are reproduced: one frozen value of named Booleans.

Each Boolean is a behaviour that loses content, makes a request worse, or changes from run to run.
`Quirks.NONE` (the default) has none of them, `Quirks.JAVA` all. A formatter is handed the value;
each Boolean is read at one place in the code. The behaviours are described in
agentscope-java's formatters as of 2026-08-22 (commit c2d43f86), observed on JDK 17.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import ClassVar

__all__ = ["Quirks"]


@dataclass(frozen=True, slots=True)
class Quirks:
    """Named defects of agentscope-java; `True` means: behave like it.

    Requests:
      message_level_marks: marks stand beside `role` and `content`, without budget or veto
      merged_marks_lost: a wish on a message that is merged or rebuilt is not carried
      bypass_ignored: DashScope multi-agent ignores `_bypass_multiagent_history_merge`
      first_tool_result_only: a tool message sends its first tool result and loses the others
      history_media_lost: DashScope multi-agent `format` drops audio and turns video into text
      assistant_media_lost: OpenAI formatters drop media of assistant messages
      tool_media_inline: OpenAI formatters leave media of tool results in the tool message, also
        where the provider takes text alone there
      video_as_string: a DashScope video part repeats its URL under `videoAsString`
      empty_tools: lists without an item are sent: DashScope's `tools`, OpenAI's `tool_calls`
      dangling_thought_prefix: OpenAI multi-agent writes a lone `name: ` for an empty thought
      null_hints: a null hint becomes `null`, an absent content, or an error
      temp_files: media of tool results go to a new temporary file at each call
      clock_call_ids: a missing tool call id is made from the clock, also in replies, where a
        missing reply id is random besides (by default it is null)
      any_local_path: a local path in a message is looked up wherever it points
      bad_media_aborts: bad base64 or a bad media type in a tool result is an error
      narrow_seeds: seeds are cut to 32 bits
      duplicate_keys: additional body parameters repeat keys that the request has already
      hash_map_order: top-level keys of tool input, parameters and metadata in JDK 17 hash order
      java_numbers: floats as Java writes them, 32-bit frame rates

    Responses:
      cached_tokens_unread: cache counters are read in OpenAI's own place alone, never DashScope's
      list_replies_unread: text is lost that stands in lists, in DashScope's `output.text`, in a
        refusal, or before a null of the same meaning; images and media of replies with it
      arguments_unparsed: DashScope tool arguments stay text; an object in place of the text is
        an error, in OpenAI's protocol too
      reasoning_details_lost: reasoning details do not survive Msg JSON, and of those of a reply
        six fields are read; `extra_content` is not
    """

    message_level_marks: bool = False
    merged_marks_lost: bool = False
    bypass_ignored: bool = False
    first_tool_result_only: bool = False
    history_media_lost: bool = False
    assistant_media_lost: bool = False
    tool_media_inline: bool = False
    video_as_string: bool = False
    empty_tools: bool = False
    dangling_thought_prefix: bool = False
    null_hints: bool = False
    temp_files: bool = False
    clock_call_ids: bool = False
    any_local_path: bool = False
    bad_media_aborts: bool = False
    narrow_seeds: bool = False
    duplicate_keys: bool = False
    hash_map_order: bool = False
    java_numbers: bool = False
    cached_tokens_unread: bool = False
    list_replies_unread: bool = False
    arguments_unparsed: bool = False
    reasoning_details_lost: bool = False

    NONE: ClassVar[Quirks]
    JAVA: ClassVar[Quirks]

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of all quirks, in the order of the table."""
        return tuple(field.name for field in fields(cls))

    def with_(self, **changes: bool) -> Quirks:
        """Return a copy with the named quirks changed; an unknown name is a `TypeError`."""
        return replace(self, **changes)


Quirks.NONE = Quirks()
Quirks.JAVA = Quirks(**dict.fromkeys(Quirks.names(), True))
