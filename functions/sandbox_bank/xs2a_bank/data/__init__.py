"""The bank's books: a deterministic function of (bank, person, account, moment). Nothing of it is stored.

`accounts_of(bank_id, person)` lists accounts; `statement(account, now=…)` gives the exact rows and balances
at a moment, for the bank itself and for tests that want to know what a client must see.
"""

from __future__ import annotations

from .accounts import accounts_of, holder_name
from .model import Account, Counterparty, Movement, Statement
from .statement import statement

__all__ = ["Account", "Counterparty", "Movement", "Statement", "accounts_of", "holder_name", "statement"]
