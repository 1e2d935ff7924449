"""What every part of the bank works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app

from xs2a_bank.clock import MovedClock
from xs2a_bank.settings import BankSettings
from xs2a_bank.store import Store

EXTENSION = "xs2a_bank"


@dataclass(frozen=True, kw_only=True)
class Context:
    settings: BankSettings
    store: Store
    clock: MovedClock


def current_context() -> Context:
    return cast(Context, current_app.extensions[EXTENSION])
