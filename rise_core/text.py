"""Text on its way to a terminal or a log. Of models, teachers and problems: what would steer it is shown as an escape.

Control sequences can move the cursor, hide lines, set the window's title or answer as if typed; marks of writing
direction show text in another order than it has (Trojan source, CVE-2021-42574).
"""

from __future__ import annotations

CODES = [*range(32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029]
STEERING = {code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" for code in CODES}
IN_TEXT = {code: shown for code, shown in STEERING.items() if chr(code) not in "\n\t"}


def printable(text: str) -> str:
    """`text` for a terminal; it may have several lines."""
    return encodable(text.translate(IN_TEXT))


def one_line(text: str) -> str:
    """`text` for a message: a line break is shown as an escape too."""
    return encodable(text.replace("\n", "\\n").replace("\t", "\\t").translate(STEERING))


def encodable(text: str) -> str:
    """Halves of surrogate pairs, which no UTF-8 file or request can hold, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def first_line(error: BaseException | None) -> str:
    """The first line of an error's message; its type where the message is empty."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def error_line(error: BaseException | None, *, with_type: bool = False, limit: int | None = None) -> str:
    """The whole message of an error on one line; its type where the message is empty.

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
