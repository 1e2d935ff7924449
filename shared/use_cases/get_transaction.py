"""One transaction by its id. The id's time is the day it was first seen on, so that few pages are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import chain

from shared.domain.clock import Clock
from shared.domain.errors import NotFound
from shared.domain.ids import date_of
from shared.domain.leaves import Leaf
from shared.domain.matching import PENDING_TO_BOOKED_DAYS_MAX
from shared.use_cases.list_transactions import BELOW_NOTHING, TransactionPages, require_readable

_SPREAD = timedelta(days=PENDING_TO_BOOKED_DAYS_MAX)


def get_transaction(
    organisation_id: str, account_id: str, transaction_id: str, *, pages: TransactionPages, clock: Clock
) -> bytes:
    """Its JSON. Raises NotFound, and ConsentExpired or ConsentRevoked for an account that may not be read."""
    pending = pages.pending(organisation_id, account_id)
    require_readable(pending.head, clock=clock)
    first_seen = date_of(transaction_id)
    near = _booked(
        organisation_id, account_id, f"{first_seen + _SPREAD}~~", f"{first_seen - _SPREAD}~", pages=pages
    )
    moved = _booked(organisation_id, account_id, BELOW_NOTHING, "", pages=pages)
    for leaf in chain(pending.leaves, near, moved):
        found = leaf.find(transaction_id)
        if found is not None:
            return found
    raise NotFound("There is no such transaction.")


def _booked(
    organisation_id: str, account_id: str, below: str, down_to: str, *, pages: TransactionPages
) -> Iterator[Leaf]:
    for leaf in pages.newest(organisation_id, account_id, below=below, read_ahead=2).leaves:
        yield leaf
        if leaf.lower <= down_to:
            return
