"""GET /v1/accounts; GET /v1/accounts/{accountId}"""

from __future__ import annotations

from datetime import datetime

import flask
import functions_framework

from shared.assembly import client_api
from shared.domain.accounts import public_account
from shared.domain.clock import OffsetClock, SystemClock
from shared.domain.errors import NotFound
from shared.domain.ids import is_id
from shared.domain.keys import derive_key
from shared.gcp.account_store import AccountStore
from shared.gcp.clock_offsets import ClockOffsets
from shared.gcp.raw_firestore import RawFirestore
from shared.http.call import Call, Reply, json_reply
from shared.http.cursors import Cursors
from shared.http.framework import answer_unroutable
from shared.http.paging import ListReply, PageQuery, require_limit
from shared.settings import load_api_settings, load_settings

_settings = load_settings()
_data = RawFirestore(project=_settings.project, database=_settings.data_database)
_accounts = AccountStore(_data)
_clocks = ClockOffsets(_data, _settings.environment)
_clock = SystemClock()
_cursors = Cursors(derive_key(load_api_settings().signing_key, purpose="cursors"))
api = client_api("accounts", _settings)
answer_unroutable(api)


@api.operation("GET", "/v1/accounts", takes_query=True)
def list_accounts(call: Call) -> Reply:
    query = call.query(PageQuery)
    limit = require_limit(query.limit)
    scope = (call.organisation_id, "accounts")
    after = _cursors.decode(query.cursor, scope=scope) if query.cursor is not None else None
    found = _accounts.list(call.organisation_id, limit=limit + 1, after=after)
    more, now = len(found) > limit, _now(call)
    return json_reply(
        ListReply(
            data=[public_account(record, at=now, wall_at=_clock.now()) for record in found[:limit]],
            next_cursor=_cursors.encode(found[limit - 1].id, scope=scope) if more else None,
        )
    )


@api.operation("GET", "/v1/accounts/<account_id>")
def get_account(call: Call) -> Reply:
    account_id = call.path["account_id"]
    account = _accounts.find(call.organisation_id, account_id) if is_id("acc", account_id) else None
    if account is None:
        raise NotFound("There is no such account.")
    return json_reply(public_account(account, at=_now(call), wall_at=_clock.now()))


def _now(call: Call) -> datetime:
    """By the organisation's clock, in the sandbox."""
    return OffsetClock(_clock, _clocks.offset_seconds(call.organisation_id)).now()


@functions_framework.http
def main(request: flask.Request) -> flask.Response:
    return api(request)
