"""Safe text for terminals and logs: control characters of models, teachers and problems appear as escapes.

Control sequences can move the cursor, hide lines, set the window's title or answer as if typed. Marks of writing
direction reorder the shown text (Trojan source, CVE-2021-42574).
"""

from __future__ import annotations

_CODES = [*range(32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029]
_ESCAPES = {code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" for code in _CODES}
_ESCAPES_IN_TEXT = {code: shown for code, shown in _ESCAPES.items() if chr(code) not in "\n\t"}


def printable(text: str) -> str:
    """Escape `text` for a terminal. Line breaks and tabs stay."""
    return _encodable(text.translate(_ESCAPES_IN_TEXT))


def one_line(text: str) -> str:
    """Escape `text` for a message of a single line. Line breaks and tabs become escapes too."""
    return _encodable(text.replace("\n", "\\n").replace("\t", "\\t").translate(_ESCAPES))


def _encodable(text: str) -> str:
    """Escape halves of surrogate pairs: no UTF-8 file or request can hold them."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def first_line(error: BaseException | None) -> str:
    """The first line of an error's message; its type where the message is empty."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def error_line(error: BaseException | None, *, with_type: bool = False, limit: int | None = None) -> str:
    """The whole message of an error on one line; the type where the message is empty.

    Args:
        with_type: Begin with the error's type (`ValueError: …`).
        limit: Longest message in characters.
    """
    message = " ".join(str(error).split())[:limit]
    name = type(error).__name__
    return (f"{name}: {message}" if message else name) if with_type else message or name


def fold(text: str) -> str:
    """Fold case and white space: two problems with equal folded texts count as the same problem."""
    return " ".join(text.split()).casefold()
