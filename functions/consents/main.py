"""POST, GET /v1/consents; GET, DELETE /v1/consents/{consentId}; POST …/renew; GET …/history"""

from __future__ import annotations

import ipaddress
from datetime import datetime
from typing import Annotated

import flask
import functions_framework
import msgspec

from shared.assembly import client_api
from shared.banks.registry import RegisteredBanks
from shared.domain.callback_urls import require_callback_url
from shared.domain.clock import OffsetClock, SystemClock
from shared.domain.consents import Consent
from shared.domain.errors import Forbidden, Invalid, NotFound
from shared.domain.ids import is_id, new_id
from shared.domain.keys import derive_key
from shared.gcp.bank_health_store import BankHealthStore
from shared.gcp.clients import firestore_client
from shared.gcp.clock_offsets import ClockOffsets
from shared.gcp.consent_store import ConsentStore
from shared.gcp.idempotency_store import IdempotencyStore
from shared.gcp.oauth_state_store import OAuthStateStore
from shared.gcp.organisation_store import OrganisationStore
from shared.gcp.raw_firestore import RawFirestore
from shared.http.call import Call, Reply, json_reply
from shared.http.cursors import Cursors
from shared.http.framework import answer_unroutable
from shared.http.idempotency import Idempotency
from shared.http.log import logger
from shared.http.notices import LoggedNotices
from shared.http.paging import ListReply, PageQuery, require_limit
from shared.http.sealing import Sealer
from shared.http.views import consent_view, history_entry_view, started_consent_view
from shared.settings import load_api_settings, load_bank_settings, load_settings
from shared.use_cases.authorisation import Authorisations
from shared.use_cases.renew_consent import RenewConsent, renew_consent, require_renewable
from shared.use_cases.revoke_consent import revoke_consent
from shared.use_cases.start_consent import StartConsent, StartedAuthorisation, start_consent

_settings = load_settings()
_api_settings = load_api_settings()
_clock = SystemClock()
_data = firestore_client(project=_settings.project, database=_settings.data_database)
_consents = ConsentStore(_data)
_clocks = ClockOffsets(
    RawFirestore(project=_settings.project, database=_settings.data_database), _settings.environment
)
_organisations = OrganisationStore(
    firestore_client(project=_settings.project, database=_settings.control_database)
)
_healths = BankHealthStore(_data, _settings.environment)
_banks = RegisteredBanks(load_bank_settings(), _settings.environment)
_authorisations = Authorisations(
    redirect_uri=f"{_api_settings.public_url}/callback",
    pkce_key=derive_key(_api_settings.signing_key, purpose="pkce"),
    banks=_banks,
    states=OAuthStateStore(_data),
    healths=_healths,
    clock=_clock,
    notices=LoggedNotices(logger("consents")),
)
_cursors = Cursors(derive_key(_api_settings.signing_key, purpose="cursors"))
_idempotency = Idempotency(
    IdempotencyStore(_data),
    sealer=Sealer(derive_key(_api_settings.signing_key, purpose="idempotency")),
    clock=_clock,
)
api = client_api("consents", _settings)
answer_unroutable(api)


class CreateConsent(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    bank_id: Annotated[str, msgspec.Meta(max_length=64)]
    callback_url: str
    state: Annotated[str, msgspec.Meta(max_length=512)] | None = None
    psu_ip_address: str | None = None


class Renew(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    callback_url: str | None = None
    state: Annotated[str, msgspec.Meta(max_length=512)] | None = None
    psu_ip_address: str | None = None


@api.operation("POST", "/v1/consents")
def create_consent(call: Call) -> Reply:
    body = call.body(CreateConsent)
    _require_callback_url(body.callback_url, call)
    psu_ip_address = _psu_ip_address(body.psu_ip_address, call)

    def effect(consent_id: str) -> Reply:
        started = start_consent(
            StartConsent(
                organisation_id=call.organisation_id,
                consent_id=consent_id,
                bank_id=body.bank_id,
                callback_url=body.callback_url,
                client_state=body.state,
                psu_ip_address=psu_ip_address,
                clock_offset_seconds=_clocks.offset_seconds(call.organisation_id),
            ),
            authorisations=_authorisations,
            banks=_banks,
            consents=_consents.on_behalf_of(call.origin),
            clock=_clock,
        )
        return _started(started, call)

    return _idempotency.run(
        call, operation="create_consent", new_effect_id=lambda: new_id("con"), effect=effect
    )


@api.operation("GET", "/v1/consents", takes_query=True)
def list_consents(call: Call) -> Reply:
    query = call.query(PageQuery)
    limit = require_limit(query.limit)
    scope = (call.organisation_id, "consents")
    before = _cursors.decode(query.cursor, scope=scope) if query.cursor is not None else None
    found = _consents.list(call.organisation_id, limit=limit + 1, before=before)
    more, now = len(found) > limit, _now(call)
    return json_reply(
        ListReply(
            data=[consent_view(consent, at=now) for consent in found[:limit]],
            next_cursor=_cursors.encode(found[limit - 1].id, scope=scope) if more else None,
        )
    )


@api.operation("GET", "/v1/consents/<consent_id>")
def get_consent(call: Call) -> Reply:
    return json_reply(consent_view(_require_consent(call), at=_now(call)))


@api.operation("DELETE", "/v1/consents/<consent_id>")
def delete_consent(call: Call) -> Reply:
    consent = _require_consent(call)
    revoke_consent(
        call.organisation_id,
        consent.id,
        banks=_banks,
        consents=_consents.on_behalf_of(call.origin),
        healths=_healths,
        clock=_clock,
    )
    return Reply(status=204)


@api.operation("POST", "/v1/consents/<consent_id>/renew")
def renew(call: Call) -> Reply:
    consent = _require_consent(call)
    body = call.body(Renew)
    require_renewable(consent)
    _require_callback_url(body.callback_url or consent.callback_url, call)
    psu_ip_address = _psu_ip_address(body.psu_ip_address, call)

    def effect(_: str) -> Reply:
        started = renew_consent(
            RenewConsent(
                organisation_id=call.organisation_id,
                consent_id=consent.id,
                callback_url=body.callback_url,
                client_state=body.state,
                psu_ip_address=psu_ip_address,
                clock_offset_seconds=_clocks.offset_seconds(call.organisation_id),
            ),
            authorisations=_authorisations,
            banks=_banks,
            consents=_consents.on_behalf_of(call.origin),
            clock=_clock,
        )
        return _started(started, call)

    return _idempotency.run(
        call, operation=f"renew_consent {consent.id}", new_effect_id=lambda: new_id("con"), effect=effect
    )


@api.operation("GET", "/v1/consents/<consent_id>/history", takes_query=True)
def list_history(call: Call) -> Reply:
    query = call.query(PageQuery)
    limit = require_limit(query.limit)
    consent = _require_consent(call)
    scope = (call.organisation_id, "consent history", consent.id)
    before = int(_cursors.decode(query.cursor, scope=scope)) if query.cursor is not None else None
    found = _consents.history(call.organisation_id, consent.id, limit=limit + 1, before=before)
    more = len(found) > limit
    return json_reply(
        ListReply(
            data=[history_entry_view(entry) for entry in found[:limit]],
            next_cursor=_cursors.encode(str(found[limit - 1].revision), scope=scope) if more else None,
        )
    )


def _started(started: StartedAuthorisation, call: Call) -> Reply:
    return json_reply(
        started_consent_view(started.consent, redirect_url=started.redirect_url, at=_now(call)),
        status=201,
        headers=(("Location", f"/v1/consents/{started.consent.id}"),),
    )


def _require_callback_url(url: str, call: Call) -> None:
    organisation = _organisations.find(call.organisation_id)
    if organisation is None or organisation.status != "active":
        raise Forbidden("This organisation is suspended.")
    require_callback_url(
        url, environment=_settings.environment, registered_origins=organisation.callback_origins
    )


def _require_consent(call: Call) -> Consent:
    consent_id = call.path["consent_id"]
    stored = _consents.find(call.organisation_id, consent_id) if is_id("con", consent_id) else None
    if stored is None:
        raise NotFound("There is no such consent.")
    return stored.consent


def _now(call: Call) -> datetime:
    """By the organisation's clock, in the sandbox."""
    return OffsetClock(_clock, _clocks.offset_seconds(call.organisation_id)).now()


def _psu_ip_address(given: str | None, call: Call) -> str:
    """The PSU's own, or the caller's where the client does not say: banks ask for one."""
    try:
        return str(ipaddress.ip_address(call.client_ip if given is None else given))
    except ValueError:
        raise Invalid("psuIpAddress", "is not an IPv4 or IPv6 address") from None


@functions_framework.http
def main(request: flask.Request) -> flask.Response:
    return api(request)
