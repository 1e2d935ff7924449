"""What the operations share: stores, settings, and the edge that knows users."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from shared.assembly import user_api
from shared.domain.clock import SystemClock
from shared.domain.effects import Effect, effect_from, new_effect
from shared.domain.keys import derive_key
from shared.gcp import paths
from shared.gcp.audit_store import AuditStore
from shared.gcp.clients import firestore_client
from shared.gcp.idempotency_store import IdempotencyStore
from shared.gcp.invitation_store import InvitationStore
from shared.gcp.key_store import KeyStore
from shared.gcp.organisation_store import OrganisationStore
from shared.gcp.relay_store import RelayStore
from shared.http.call import Call, Reply, json_reply
from shared.http.cursors import Cursors
from shared.http.idempotency import Idempotency
from shared.http.paging import ListReply, PageQuery, require_limit
from shared.http.sealing import Sealer
from shared.settings import load_api_settings, load_settings, load_user_settings

T = TypeVar("T")

settings = load_settings()
user_settings = load_user_settings()
clock = SystemClock()
_api_settings = load_api_settings()
_control = firestore_client(project=settings.project, database=settings.control_database)
organisation_store = OrganisationStore(_control)
invitation_store = InvitationStore(_control)
key_store = KeyStore(_control)
audit_store = AuditStore(_control)
outbox = RelayStore(firestore_client(project=settings.project, database=settings.data_database))
secrets_key = derive_key(_api_settings.signing_key, purpose="control-plane secrets")
letter_sealer = Sealer(derive_key(_api_settings.signing_key, purpose="letters"))
cursors = Cursors(derive_key(_api_settings.signing_key, purpose="cursors"))
_reply_sealer = Sealer(derive_key(_api_settings.signing_key, purpose="idempotency"))
_of_members = Idempotency(IdempotencyStore(_control), sealer=_reply_sealer, clock=clock)
_of_users = Idempotency(
    IdempotencyStore(_control, path=paths.membership_idempotency), sealer=_reply_sealer, clock=clock
)
api = user_api("organisation", settings, user_settings)


def once_in_organisation(call: Call, operation: str, effect: Callable[[Effect], Reply]) -> Reply:
    """`effect`, once for each Idempotency-Key of this user in this organisation.

    The environments' functions share the control plane, and each opens only the replies that it sealed itself.
    """
    return _of_members.run(
        call,
        operation=f"{settings.environment} {operation} {call.member.user_id}",
        new_effect_id=_new_effect_id,
        effect=lambda effect_id: effect(effect_from(effect_id)),
    )


def once_for_user(call: Call, operation: str, effect: Callable[[Effect], Reply]) -> Reply:
    """`effect`, once for each Idempotency-Key of this user."""
    return _of_users.run(
        call,
        operation=f"{settings.environment} {operation}",
        new_effect_id=_new_effect_id,
        effect=lambda effect_id: effect(effect_from(effect_id)),
        owner=call.identity.user_id,
    )


def page_of(
    call: Call,
    name: str,
    read: Callable[..., Sequence[T]],
    *,
    id_of: Callable[[T], str],
    view: Callable[[T], Any],
) -> Reply:
    """A page of what `read(organisation_id, limit=…, before=…)` finds, newest first."""
    query = call.query(PageQuery)
    limit = require_limit(query.limit)
    scope = (call.organisation_id, name)
    before = cursors.decode(query.cursor, scope=scope) if query.cursor is not None else None
    return reply_page(
        read(call.organisation_id, limit=limit + 1, before=before), limit, scope, id_of=id_of, view=view
    )


def reply_page(
    found: Sequence[T],
    limit: int,
    scope: tuple[str, ...],
    *,
    id_of: Callable[[T], str],
    view: Callable[[T], Any],
) -> Reply:
    """`found` holds one more than `limit` when there is another page."""
    more = len(found) > limit
    return json_reply(
        ListReply(
            data=[view(each) for each in found[:limit]],
            next_cursor=cursors.encode(id_of(found[limit - 1]), scope=scope) if more else None,
        )
    )


def _new_effect_id() -> str:
    return new_effect(at=clock.now()).effect_id
