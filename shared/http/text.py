"""Characters that no text of ours may hold."""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SURROGATE = re.compile("[\ud800-\udfff\ufffe\uffff]")


def forbidden_character(text: str) -> str | None:
    """What is wrong with `text`, in words; None when nothing is."""
    found = _CONTROL.search(text)
    if found:
        return f"a control character (U+{ord(found[0]):04X})"
    if _SURROGATE.search(text) or "\ufffd" in text:
        return "characters that are not valid UTF-8"
    return None
