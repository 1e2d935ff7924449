"""NLB, Slovenia."""

from __future__ import annotations

from shared.banks.berlin_group.bank import connector
from shared.banks.profile import BankProfile

__all__ = ["PROFILE", "connector"]

PROFILE = BankProfile(
    id="nlb-si",
    name="NLB",
    country="SI",
    bic="LJBASI2X",
    base_urls={"sandbox": "{sandbox}/nlb-si"},
    issuers={"sandbox": "{sandbox}/nlb-si"},
    partner_auth="basic",
    # Amounts carry no sign; only the party that is named tells the direction.
    sign_rule="unsigned",
    # Entries carry no id of any kind.
    id_fields=(),
    time_zone="Europe/Ljubljana",
    features=("accounts", "balances", "transactions", "pending_transactions"),
)
