"""What can be wrong with sound.

Knows codes and their messages. Refuses to know who reports them.
"""

from __future__ import annotations

from typing import Literal

AudioErrorCode = Literal[
    "bad_format", "bad_rate", "bad_channels", "empty", "broken", "too_long", "not_found"
]


class AudioError(ValueError):
    """Sound that cannot be used; `code` for programs, `message` for people."""

    def __init__(self, code: AudioErrorCode, message: str) -> None:
        super().__init__(message)
        self.code: AudioErrorCode = code
        self.message = message
