"""The bank's books: a deterministic function of (bank, person, account, moment). Nothing of it is stored.

`accounts_of(bank_id, person)` lists accounts; `statement(account, now=…)` gives the exact rows and balances
at a moment, for the bank itself and for tests that want to know what a client must see. `is_left_out` tells which of
them the answers of a consent lack for a while.
"""

from __future__ import annotations

from .accounts import accounts_of, holder_name
from .model import Account, Counterparty, Movement, Statement
from .quirks import gives_balances, gives_places, is_left_out
from .statement import statement

__all__ = [
    "Account",
    "Counterparty",
    "Movement",
    "Statement",
    "accounts_of",
    "gives_balances",
    "gives_places",
    "holder_name",
    "is_left_out",
    "statement",
]
