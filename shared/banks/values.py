"""Reading a bank's JSON values: each function takes what a bank may send and gives what Tok keeps.

They raise Malformed, which `sensible` turns into BankUnavailable: an answer that makes no sense may make
some on the next try, and nobody downstream should meet it.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from shared.domain.errors import BankUnavailable
from shared.domain.money import is_currency, parse_amount

_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_BALKAN_DATE = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})\.?")
_BALKAN_AMOUNT = re.compile(r"-?(\d{1,3}(\.\d{3})+|\d{1,15})(,\d{1,4})?")
_PLACEHOLDERS = frozenset({"NOTPROVIDED", "NOTAVAILABLE", "NONE", "NULL", "NA", "N/A", "-", "UNKNOWN"})
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_MAX_DIGITS = 20
_SOONEST, _LATEST = date(1990, 1, 1), date(2199, 12, 31)


class Malformed(ValueError):
    """Names the field that makes no sense, never its content."""


@contextmanager
def sensible(bank_id: str) -> Iterator[None]:
    try:
        yield
    except Malformed as wrong:
        raise BankUnavailable(bank_id, f"The bank's answer makes no sense: {wrong}.") from None


def mapping(value: Any, field: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Malformed(field)
    return value


def sequence(value: Any, field: str) -> list[Any]:
    if not isinstance(value, list):
        raise Malformed(field)
    return value


def text(value: Any) -> str | None:
    """NFC, no control, format or unassigned characters, single spaces; None when nothing is left."""
    if not isinstance(value, str):
        return None
    if value.isascii() and value.isprintable():
        return " ".join(value.split()) or None
    visible = "".join(
        " " if character in "\r\n\t" else character
        for character in unicodedata.normalize("NFC", value)
        if character in "\r\n\t" or unicodedata.category(character) not in _HIDDEN
    )
    return " ".join(visible.split()) or None


def identifier(value: Any) -> str | None:
    """A bank's id; None when it is blank or one of the words that banks write instead of one."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**40:
        value = str(value)
    cleaned = text(value)
    if cleaned is None or cleaned.upper().replace(" ", "").replace("_", "") in _PLACEHOLDERS:
        return None
    return cleaned


def iban(value: Any) -> str | None:
    """Spaces out, capitals; None unless it has an IBAN's form. The check digits are the bank's affair."""
    cleaned = (text(value) or "").replace(" ", "").upper()
    return cleaned if _IBAN.fullmatch(cleaned) else None


def currency(value: Any, field: str) -> str:
    cleaned = (text(value) or "").upper()
    if not is_currency(cleaned):
        raise Malformed(field)
    return cleaned


def amount(value: Any, field: str) -> Decimal:
    """A decimal string, or a JSON number that was decoded exactly. Never a float."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise Malformed(field)
    if isinstance(value, Decimal) and (not value.is_finite() or abs(value.adjusted()) > _MAX_DIGITS):
        raise Malformed(field)  # before it is written out: 1E+999999999 would fill the memory
    try:
        written = f"{value:f}" if isinstance(value, Decimal) else str(value).strip()
        if not written.isascii():
            raise Malformed(field)
        return parse_amount(written)
    except ValueError:
        raise Malformed(field) from None


def balkan_amount(value: Any, field: str) -> Decimal:
    """`"1.234,56"` → 1234.56: dots group thousands, the comma is the decimal sign."""
    if not isinstance(value, str) or not _BALKAN_AMOUNT.fullmatch(value.strip()):
        raise Malformed(field)
    return amount(value.replace(".", "").replace(",", "."), field)


def truth(value: Any) -> bool:
    """Booleans, and booleans written as strings."""
    return value is True or (isinstance(value, str) and value.strip().lower() in ("true", "1", "yes"))


def moment(value: Any, zone: str) -> datetime | date | None:
    """ISO 8601 date or time; a time without a zone is the bank's local time. None when it is neither or absurd."""
    cleaned = text(value)
    if cleaned is None:
        return None
    try:
        if len(cleaned) == 10:
            return _plausible(date.fromisoformat(cleaned))
        parsed = datetime.fromisoformat(cleaned)
        local = parsed.astimezone(ZoneInfo(zone)) if parsed.tzinfo else parsed.replace(tzinfo=ZoneInfo(zone))
        return local.astimezone(UTC) if _plausible(local.date()) else None
    except (ValueError, OverflowError):
        return None


def local_date(value: Any, zone: str) -> date | None:
    """The date as the bank's customers see it."""
    at = moment(value, zone)
    return date_in(at, zone) if isinstance(at, datetime) else at


def date_in(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()


def balkan_date(value: Any) -> date | None:
    """`"24.11.2026"`, with or without the closing dot."""
    match = _BALKAN_DATE.fullmatch(text(value) or "")
    if match is None:
        return None
    day, month, year = (int(part) for part in match.groups())
    try:
        return _plausible(date(year, month, day))
    except ValueError:
        return None


def _plausible(day: date) -> date | None:
    """Banks write 0001-01-01 and 9999-12-31 for "none"."""
    return day if _SOONEST <= day <= _LATEST else None


def raw_hash(entry: Mapping[str, Any]) -> str:
    """SHA-256 of the entry in canonical JSON: sorted keys, no spaces, ASCII."""
    try:
        canonical = json.dumps(entry, sort_keys=True, separators=(",", ":"), default=str)
    except (ValueError, TypeError, RecursionError):
        raise Malformed("entry") from None
    return hashlib.sha256(canonical.encode()).hexdigest()
