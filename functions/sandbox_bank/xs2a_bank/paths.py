"""Which bank and which interface a path belongs to."""

from __future__ import annotations

from typing import Literal

from flask import Flask
from werkzeug.routing import BaseConverter

from xs2a_bank.banks import BANKS, Bank

Interface = Literal["berlin_group", "bilateral", "oauth", "pages"]


class _BankConverter(BaseConverter):
    """Matches the ids of the banks, and of nothing else."""

    regex = "|".join(BANKS)


class _Xs2aBankConverter(BaseConverter):
    regex = "|".join(bank.id for bank in BANKS.values() if bank.dialect == "berlin_group")


class _BilateralBankConverter(BaseConverter):
    regex = "|".join(bank.id for bank in BANKS.values() if bank.dialect == "bilateral")


def register_converters(app: Flask) -> None:
    app.url_map.converters["bank"] = _BankConverter
    app.url_map.converters["xs2a_bank"] = _Xs2aBankConverter
    app.url_map.converters["bilateral_bank"] = _BilateralBankConverter


def bank_of(path: str) -> Bank | None:
    return BANKS.get(path.lstrip("/").partition("/")[0])


def interface_of(path: str) -> Interface:
    first, _, rest = path.lstrip("/").partition("/")
    if rest.startswith(("oauth2/token", "oauth2/revoke", ".well-known")) or first == ".well-known":
        return "oauth"
    bank = BANKS.get(first)
    if bank is not None and rest.startswith("v1") and bank.dialect == "berlin_group":
        return "berlin_group"
    if bank is not None and rest.startswith("api") and bank.dialect == "bilateral":
        return "bilateral"
    return "pages"
