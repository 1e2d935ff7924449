"""Looks for secrets in everything that a stack wrote, and in everything that it answered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from schwifty import IBAN
from schwifty.exceptions import SchwiftyException

# Files that exist to hold a secret: the keys of the two demo organisations, and the stack's own secrets.
_KEEPS_API_KEYS = ("stack.json", "secrets.json")
_KEEPS_SECRETS = ("secrets.json",)

_BANK_SECRET = re.compile(rb"sb(?:at|rt|ac|sc)_[A-Za-z0-9_-]{20,}")
_API_KEY = re.compile(rb"tok_(?:live|sandbox)_[0-9A-Za-z]{38}")
_LOGIN = re.compile(rb"(?:otp|password)[\"']?\s*[=:]\s*[\"']?(?:123456|sandbox)\b")
_IBAN = re.compile(rb"(?<![0-9A-Za-z])[A-Z]{2}[0-9]{2}[0-9A-Z]{11,30}(?![0-9A-Za-z])")


def found_in_folder(folder: Path, *, secrets: Mapping[str, str]) -> list[str]:
    """What leaked where. `secrets` are values by what they are; files are read as bytes, SQLite's logs too.

    Secrets that a bank issues are known by their prefixes: they never leave the processes that use them.
    """
    found: list[str] = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue  # a draft that was renamed meanwhile
        name = str(path.relative_to(folder))
        kept_as = path.name.lstrip(".")  # a draft of such a file has a dot before and a suffix behind
        found += _patterns(content, where=name, api_keys=not kept_as.startswith(_KEEPS_API_KEYS))
        if path.suffix in (".log", ".out"):
            found += [f"{name}: an IBAN" for _ in _ibans(content)]
        if not kept_as.startswith(_KEEPS_SECRETS):
            found += [f"{name}: {what}" for what, value in secrets.items() if value.encode() in content]
    return found


def found_in_replies(replies: Iterable[bytes], *, secrets: Mapping[str, str]) -> list[str]:
    found: list[str] = []
    for reply in replies:
        found += _patterns(reply, where="a reply", api_keys=True)
        found += [f"a reply: {what}" for what, value in secrets.items() if value.encode() in reply]
    return found


def _patterns(content: bytes, *, where: str, api_keys: bool) -> list[str]:
    kinds = [("a secret of a bank", _BANK_SECRET), ("a login", _LOGIN)]
    if api_keys:
        kinds.append(("an API key", _API_KEY))
    # The beginning tells which kind it is; the rest stays out of the report.
    return [
        f"{where}: {kind} ({hit[0][:9]!r}…)" for kind, pattern in kinds for hit in pattern.finditer(content)
    ]


def _ibans(content: bytes) -> Iterable[str]:
    for hit in _IBAN.finditer(content):
        try:
            yield str(IBAN(hit[0].decode()))
        except SchwiftyException:
            continue
