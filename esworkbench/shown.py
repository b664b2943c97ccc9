"""What may be shown of a string that somebody else wrote: nothing that a terminal or a browser acts on.

Names, ids and error texts come from data and are hostile everywhere: a control sequence moves the cursor or writes the
clipboard, a bidi override lets ``gpj.exe`` read ``exe.jpg``, a character without width lets two accounts look like one.
(Unicode Technical Report 36; Boucher and Anderson, *Trojan Source*.)
"""

from unicodedata import category

_BLANK = frozenset(
    map(chr, (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x2800, 0x3164, *range(0xFE00, 0xFE10),
              0xFFA0, *range(0xE0100, 0xE01F0)))
)  # fmt: skip
"""Letters and marks by their category, and yet nothing is seen of them."""


def printable(text: str, *, keep: str = "") -> str:
    r"""The text with every character that can't be seen written out, as ``\x1b`` or ``\u202e``; those in ``keep`` stay.

    Blanks of any width stay, and line ends don't unless they are kept: a line of ours holds one line of theirs.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if each in keep or _is_seen(each) else _written_out(each) for each in text)


def _is_seen(character: str) -> bool:
    return (character.isprintable() or category(character) == "Zs") and character not in _BLANK


def _written_out(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
