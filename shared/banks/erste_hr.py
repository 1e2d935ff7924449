"""Erste & Steiermärkische Bank, Croatia: keeps to the standard."""

from __future__ import annotations

from shared.banks.berlin_group.bank import connector
from shared.banks.profile import BankProfile

__all__ = ["PROFILE", "connector"]

PROFILE = BankProfile(
    id="erste-hr",
    name="Erste & Steiermärkische Bank",
    country="HR",
    bic="ESBCHR22",
    base_urls={"sandbox": "{sandbox}/erste-hr"},
    issuers={"sandbox": "{sandbox}/erste-hr"},
    partner_auth="basic",
    time_zone="Europe/Zagreb",
    features=("accounts", "balances", "transactions", "pending_transactions"),
)
