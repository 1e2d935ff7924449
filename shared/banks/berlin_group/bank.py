"""How a bank of the standard gets its connector. Imports it only then: a bank's profile is read far more often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.banks.profile import BankSetup

if TYPE_CHECKING:
    import httpx

    from shared.banks.connector import BankConnector
    from shared.domain.clock import Clock


def connector(
    setup: BankSetup, *, clock: Clock, transport: httpx.BaseTransport | None = None
) -> BankConnector:
    from shared.banks.berlin_group.connector import BerlinGroupConnector

    return BerlinGroupConnector(setup, clock=clock, transport=transport)
