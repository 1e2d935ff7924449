"""One transaction by its id. The id's time is the day it was first seen on, so that few pages are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import chain

from shared.domain.clock import Clock
from shared.domain.errors import NotFound
from shared.domain.ids import date_of
from shared.domain.matching import PENDING_TO_BOOKED_DAYS_MAX
from shared.use_cases.list_transactions import BELOW_NOTHING, PageLines, TransactionPages, require_readable

_PAGES_AT_ONCE = 4


def get_transaction(
    organisation_id: str, account_id: str, transaction_id: str, *, pages: TransactionPages, clock: Clock
) -> bytes:
    """Its JSON. Raises NotFound, and ConsentExpired or ConsentRevoked for an account that may not be read."""
    require_readable(pages.newest(organisation_id, account_id, below="", count=0).head, clock=clock)
    first_seen = date_of(transaction_id)
    spread = timedelta(days=PENDING_TO_BOOKED_DAYS_MAX)
    near = _booked(
        organisation_id, account_id, f"{first_seen + spread}~~", f"{first_seen - spread}~", pages=pages
    )
    waiting = pages.pending(organisation_id, account_id).pages
    moved = _booked(organisation_id, account_id, BELOW_NOTHING, "", pages=pages)
    for page in chain(near, waiting, moved):
        for key, line in zip(page.keys, page.lines, strict=True):
            if key.endswith(transaction_id):
                return line
    raise NotFound("There is no such transaction.")


def _booked(
    organisation_id: str, account_id: str, below: str, down_to: str, *, pages: TransactionPages
) -> Iterator[PageLines]:
    """Pages with rows from `below` down to `down_to`, a few at a time."""
    while below > down_to:
        found = pages.newest(organisation_id, account_id, below=below, count=_PAGES_AT_ONCE).pages
        yield from found
        if len(found) < _PAGES_AT_ONCE:
            return
        below = min((key for page in found for key in page.keys), default="")
