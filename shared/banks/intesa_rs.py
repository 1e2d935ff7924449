"""Banca Intesa Beograd, Serbia."""

from __future__ import annotations

from shared.banks.berlin_group.bank import connector
from shared.banks.profile import BankProfile

__all__ = ["PROFILE", "connector"]

PROFILE = BankProfile(
    id="intesa-rs",
    name="Banca Intesa Beograd",
    country="RS",
    bic="DBDBRSBG",
    base_urls={"sandbox": "{sandbox}/intesa-rs"},
    issuers={"sandbox": "{sandbox}/intesa-rs"},
    partner_auth="basic",
    # No transactionId; the entry reference is unique and stays.
    id_fields=("entryReference",),
    time_zone="Europe/Belgrade",
    features=("accounts", "balances", "transactions", "pending_transactions"),
)
