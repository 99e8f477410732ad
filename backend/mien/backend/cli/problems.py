"""How a problem is put to a person: one line, and an exit status.

Knows which exceptions are addressed to people. Refuses to hide bugs: anything else goes on up.
"""

from __future__ import annotations

from typer.exceptions import TyperException


class BadInput(Exception):
    """Something the person gave cannot be used; the message says what and why."""


def message_for(problem: BaseException) -> str | None:
    """The line to print, or None where the exception is a bug and not addressed to anyone.

    Every exception class that mien defines carries a message for people, and so do the system's
    complaints about files; nothing else does.
    """
    if isinstance(problem, TyperException):
        wording = getattr(problem, "format_message", lambda: str(problem))
        return str(wording()).rstrip(".") + "; try --help"
    if type(problem).__module__.startswith("mien."):
        return " ".join(str(problem).split()) or type(problem).__name__
    if isinstance(problem, OSError) and problem.filename is not None:
        return f"{problem.filename}: {problem.strerror or problem}"
    return None
