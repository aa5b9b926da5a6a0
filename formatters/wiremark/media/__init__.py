"""Media: a source becomes a URL, a data URL, a file reference or a stored file.

No provider is known here by name: which form it takes, and which extensions, the caller says.
Nothing is fetched. A file is read or written only where a policy names its folder; the one
exception is `file_reference(..., any_local_path=True)`, which looks whether a path exists.
"""

from __future__ import annotations

from wiremark.media.policy import MediaPolicy
from wiremark.media.references import audio_format, data_url, file_reference, inline_reference
from wiremark.media.results import store_result
from wiremark.media.urls import extension, guess_mime, is_local, names_local_file

__all__ = [
    "MediaPolicy",
    "audio_format",
    "data_url",
    "extension",
    "file_reference",
    "guess_mime",
    "inline_reference",
    "is_local",
    "names_local_file",
    "store_result",
]
