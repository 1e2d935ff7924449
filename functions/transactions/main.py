"""GET /v1/accounts/{accountId}/transactions; GET …/transactions/sync; GET …/transactions/{transactionId}"""

from __future__ import annotations

from datetime import date

import flask
import functions_framework
import msgspec

from shared.assembly import client_api
from shared.domain.bank_data import BookingStatus
from shared.domain.changes import Position, position_of
from shared.domain.clock import SystemClock
from shared.domain.errors import Invalid, NotFound
from shared.domain.ids import is_id
from shared.domain.keys import derive_key
from shared.gcp.change_feed import FirestoreChangeFeed
from shared.gcp.raw_firestore import RawFirestore
from shared.gcp.transaction_pages import FirestoreTransactionPages
from shared.http.call import Call, Reply
from shared.http.cursors import Cursors
from shared.http.framework import answer_unroutable
from shared.http.paging import LIMIT_DEFAULT, PageQuery, require_limit
from shared.settings import load_api_settings, load_settings
from shared.use_cases.follow_transactions import follow_transactions
from shared.use_cases.get_transaction import get_transaction
from shared.use_cases.list_transactions import BELOW_NOTHING, Range, list_booked, list_pending

_settings = load_settings()
_clock = SystemClock()
_data = RawFirestore(project=_settings.project, database=_settings.data_database)
_pages = FirestoreTransactionPages(_data)
_feed = FirestoreChangeFeed(_data)
_cursors = Cursors(derive_key(load_api_settings().signing_key, purpose="cursors"))
api = client_api("transactions", _settings)
answer_unroutable(api)


class ListTransactions(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    date_from: date | None = None
    date_to: date | None = None
    limit: int = LIMIT_DEFAULT
    cursor: str | None = None
    status: BookingStatus = "booked"


@api.operation("GET", "/v1/accounts/<account_id>/transactions", takes_query=True)
def list_transactions(call: Call) -> Reply:
    account_id = _account_id(call)
    query = call.query(ListTransactions)
    limit = require_limit(query.limit)
    if query.date_from and query.date_to and query.date_from > query.date_to:
        raise Invalid("dateFrom", "is after dateTo")
    scope = (call.organisation_id, account_id, query.status)
    below = f"{query.date_to.isoformat()}~~" if query.date_to else BELOW_NOTHING
    if query.cursor is not None:
        below = min(below, _cursors.decode(query.cursor, scope=scope))
    listing = list_booked if query.status == "booked" else list_pending
    found = listing(
        call.organisation_id,
        account_id,
        Range(below=below, date_from=query.date_from, limit=limit),
        pages=_pages,
        clock=_clock,
    )
    cursor = f'"{_cursors.encode(found.next_key, scope=scope)}"' if found.next_key else "null"
    body = b'{"data":[%b],"nextCursor":%b}' % (b",".join(found.runs), cursor.encode())
    return Reply(status=200, body=body)


@api.operation("GET", "/v1/accounts/<account_id>/transactions/sync", takes_query=True)
def sync_transactions(call: Call) -> Reply:
    account_id = _account_id(call)
    query = call.query(PageQuery)
    scope = (call.organisation_id, account_id, "changes")
    after = Position()
    if query.cursor is not None:
        after = position_of(_cursors.decode(query.cursor, scope=scope))
    followed = follow_transactions(
        call.organisation_id,
        account_id,
        after=after,
        limit=require_limit(query.limit),
        feed=_feed,
        clock=_clock,
    )
    changes = followed.changes
    body = b'{"added":[%b],"modified":[%b],"removed":[%b],"nextCursor":"%b","hasMore":%b}' % (
        b",".join(changes.added),
        b",".join(changes.modified),
        b",".join(b'{"id":"%b"}' % name.encode() for name in changes.removed),
        _cursors.encode(str(followed.position), scope=scope).encode(),
        b"true" if followed.has_more else b"false",
    )
    return Reply(status=200, body=body)


@api.operation("GET", "/v1/accounts/<account_id>/transactions/<transaction_id>")
def get_one_transaction(call: Call) -> Reply:
    account_id = _account_id(call)
    transaction_id = call.path["transaction_id"]
    if not is_id("txn", transaction_id):
        raise NotFound("There is no such transaction.")
    line = get_transaction(call.organisation_id, account_id, transaction_id, pages=_pages, clock=_clock)
    return Reply(status=200, body=line)


def _account_id(call: Call) -> str:
    account_id = call.path["account_id"]
    if not is_id("acc", account_id):
        raise NotFound("There is no such account.")
    return account_id


@functions_framework.http
def main(request: flask.Request) -> flask.Response:
    return api(request)
