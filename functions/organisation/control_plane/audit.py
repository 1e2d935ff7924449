"""GET /v1/organisation/audit"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from control_plane.wiring import api, audit_store, cursors, outbox, reply_page
from shared.domain.audit import Action, AuditEntry
from shared.domain.errors import Invalid
from shared.domain.ids import first_id
from shared.http.call import Call, Reply
from shared.http.paging import PageQuery, require_limit
from shared.use_cases.relay import relay_audit_of

_Time = Annotated[datetime, msgspec.Meta(tz=True)]


class AuditQuery(PageQuery, frozen=True, kw_only=True, rename="camel"):
    action: Action | None = None
    actor: Annotated[str, msgspec.Meta(pattern="^[0-9A-Za-z._@-]{1,64}$")] | None = None
    since: _Time | None = msgspec.field(name="from", default=None)
    until: _Time | None = msgspec.field(name="to", default=None)


class ActorView(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    id: str | None


class AuditEntryView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    at: datetime
    action: str
    actor: ActorView
    ip_address: str | None
    request_id: str | None
    target_id: str
    details: dict[str, str]


@api.user_operation("GET", "/v1/organisation/audit", permission="audit.read", takes_query=True)
def list_audit_entries(call: Call) -> Reply:
    query = call.query(AuditQuery)
    limit = require_limit(query.limit)
    if query.since is not None and query.until is not None and query.since >= query.until:
        raise Invalid("from", "is before `to`")
    scope = (
        call.organisation_id,
        "audit",
        *(str(part or "") for part in (query.action, query.actor, query.since, query.until)),
    )
    before = first_id("aud", at=query.until) if query.until is not None else None
    if query.cursor is not None:
        before = cursors.decode(query.cursor, scope=scope)
    relay_audit_of(call.organisation_id, outbox=outbox, log=audit_store)
    found = audit_store.list(
        call.organisation_id,
        limit=limit + 1,
        before=before,
        action=query.action,
        actor_id=query.actor,
        first_id=first_id("aud", at=query.since) if query.since is not None else None,
    )
    return reply_page(found, limit, scope, id_of=lambda entry: entry.id, view=_view)


def _view(entry: AuditEntry) -> AuditEntryView:
    return AuditEntryView(
        id=entry.id,
        at=entry.at,
        action=entry.action,
        actor=ActorView(kind=entry.actor.kind, id=entry.actor.id),
        ip_address=entry.ip_address,
        request_id=entry.request_id,
        target_id=entry.target_id,
        details=entry.details,
    )
