"""The banks that this function plays. Each is data; how it differs from the others stands here alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

Dialect = Literal["berlin_group", "bilateral"]
Identity = Literal["transaction_id", "entry_reference", "none"]


@dataclass(frozen=True, kw_only=True)
class Bank:
    id: str
    name: str
    country: str
    bic: str
    bank_code: str
    """The bank's code inside its IBANs."""
    currency: str
    time_zone: ZoneInfo
    colour: str
    """Of its pages: dark enough for white text (WCAG AA)."""
    dialect: Dialect = "berlin_group"
    identity: Identity = "transaction_id"
    """The best identity that a transaction carries."""
    signed_amounts: bool = True
    remittance_array: bool = False
    pending_dates: bool = True
    absolute_links: bool = True
    balance_after_transaction: bool = False
    twins_every_days: int | None = None
    """Genuine twins happen to everyone about this often."""


BANKS: dict[str, Bank] = {
    bank.id: bank
    for bank in (
        Bank(
            id="erste-hr",
            name="Erste & Steiermärkische Bank",
            country="HR",
            bic="ESBCHR22",
            bank_code="2402006",
            currency="EUR",
            time_zone=ZoneInfo("Europe/Zagreb"),
            colour="#1d4f91",
        ),
        Bank(
            id="nlb-si",
            name="NLB",
            country="SI",
            bic="LJBASI2X",
            bank_code="02010",
            currency="EUR",
            time_zone=ZoneInfo("Europe/Ljubljana"),
            colour="#3d2a6b",
            identity="none",
            signed_amounts=False,
            remittance_array=True,
            pending_dates=False,
            twins_every_days=45,
        ),
        Bank(
            id="intesa-rs",
            name="Banca Intesa Beograd",
            country="RS",
            bic="DBDBRSBG",
            bank_code="160",
            currency="RSD",
            time_zone=ZoneInfo("Europe/Belgrade"),
            colour="#1f6b3a",
            identity="entry_reference",
            absolute_links=False,
            balance_after_transaction=True,
        ),
        Bank(
            id="raiffeisen-ba",
            name="Raiffeisen Bank BiH",
            country="BA",
            bic="RZBABA2S",
            bank_code="161",
            currency="BAM",
            time_zone=ZoneInfo("Europe/Sarajevo"),
            colour="#5a4a00",
            dialect="bilateral",
        ),
    )
}
