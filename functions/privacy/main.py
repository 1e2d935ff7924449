"""What owners do with all that is kept: GET /v1/organisation/export; PUT, GET …/erasure of an account and of the
organisation."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import flask
import functions_framework
import msgspec

from shared.assembly import user_api
from shared.domain.audit import audit_entry
from shared.domain.clock import SystemClock
from shared.domain.erasures import AccountErasure, OrganisationErasure
from shared.domain.errors import Invalid, NotFound
from shared.domain.ids import is_id
from shared.domain.keys import derive_key
from shared.gcp.account_erasure_store import AccountErasureStore
from shared.gcp.account_store import AccountStore
from shared.gcp.audit_store import AuditStore
from shared.gcp.clients import firestore_client
from shared.gcp.consent_store import ConsentStore
from shared.gcp.export_sections import control_sections, data_sections
from shared.gcp.organisation_erasure_store import OrganisationErasureStore
from shared.gcp.raw_firestore import RawFirestore
from shared.gcp.relay_store import RelayStore
from shared.http.archive import zip_lines
from shared.http.call import Call, Reply, json_reply
from shared.http.cursors import Cursors
from shared.http.framework import answer_unroutable
from shared.settings import load_api_settings, load_settings, load_user_settings
from shared.use_cases.erase_account import erase_account
from shared.use_cases.erase_organisation import request_organisation_erasure
from shared.use_cases.export_organisation import export_organisation
from shared.use_cases.relay import relay_audit_of

_ARCHIVE_BYTES = 24 * 1024 * 1024
"""API Gateway ends a reply at 32 MB."""
_ERASING = timedelta(seconds=30)
"""How long a request waits; the tick goes on with what is left."""

_settings = load_settings()
_clock = SystemClock()
_control = firestore_client(project=_settings.project, database=_settings.control_database)
_data = firestore_client(project=_settings.project, database=_settings.data_database)
_raw_control = RawFirestore(project=_settings.project, database=_settings.control_database)
_raw_data = RawFirestore(project=_settings.project, database=_settings.data_database)
_accounts = AccountStore(_raw_data)
_account_erasures = AccountErasureStore(_data, _raw_data)
_organisation_erasures = OrganisationErasureStore(_control, _raw_control)
_consents = ConsentStore(_data)
_audit = AuditStore(_control)
_outbox = RelayStore(_data)
_cursors = Cursors(derive_key(load_api_settings().signing_key, purpose="cursors"))
api = user_api("privacy", _settings, load_user_settings())
answer_unroutable(api)


class ExportQuery(msgspec.Struct, frozen=True, kw_only=True):
    cursor: str | None = None


class EraseOrganisation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    confirm: str


class ErasureView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    target_id: str
    status: Literal["erasing", "erased"]
    requested_at: datetime
    erased_at: datetime | None


class ExportManifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    organisation_id: str
    environment: str
    exported_at: datetime
    lines: dict[str, int]
    """In each file."""
    next_cursor: str | None
    """Where the next archive goes on; None when everything is in."""


@api.user_operation("GET", "/v1/organisation/export", permission="data.export", takes_query=True)
def export(call: Call) -> Reply:
    query = call.query(ExportQuery)
    organisation_id, now = call.organisation_id, _clock.now()
    scope = (organisation_id, "export")
    after = None if query.cursor is None else _cursors.decode(query.cursor, scope=scope)
    relay_audit_of(organisation_id, outbox=_outbox, log=_audit)
    _audit.record(
        audit_entry(
            "organisation.exported",
            organisation_id=organisation_id,
            target_id=organisation_id,
            origin=call.origin,
            at=now,
            details={"environment": _settings.environment},
        )
    )

    def manifest(position: str | None, lines: dict[str, int]) -> bytes:
        return msgspec.json.encode(
            ExportManifest(
                organisation_id=organisation_id,
                environment=_settings.environment,
                exported_at=now,
                lines=lines,
                next_cursor=None if position is None else _cursors.encode(position, scope=scope),
            )
        )

    lines = export_organisation(
        organisation_id, sections=(*control_sections(_control), *data_sections(_data, at=now)), after=after
    )
    name = f"tok-{_settings.environment}-{organisation_id}-{now:%Y%m%dT%H%M%SZ}.zip"
    return Reply(
        status=200,
        headers=(
            ("Content-Type", "application/zip"),
            ("Content-Disposition", f'attachment; filename="{name}"'),
        ),
        stream=zip_lines(lines, limit_bytes=_ARCHIVE_BYTES, manifest=manifest),
    )


@api.user_operation("PUT", "/v1/organisation/accounts/<account_id>/erasure", permission="data.erase")
def erase_one_account(call: Call) -> Reply:
    erasure = erase_account(
        call.organisation_id,
        _account_id(call),
        origin=call.origin,
        until=_clock.now() + _ERASING,
        accounts=_accounts,
        erasures=_account_erasures,
        consents=_consents,
        clock=_clock,
    )
    return _account_reply(erasure)


@api.user_operation("GET", "/v1/organisation/accounts/<account_id>/erasure", permission="data.erase")
def get_account_erasure(call: Call) -> Reply:
    erasure = _account_erasures.find(call.organisation_id, _account_id(call))
    if erasure is None:
        raise NotFound("This account is not being erased.")
    return json_reply(_account_view(erasure))


@api.user_operation("PUT", "/v1/organisation/erasure", permission="data.erase")
def erase_whole_organisation(call: Call) -> Reply:
    body = call.body(EraseOrganisation)
    if body.confirm != call.organisation_id:
        raise Invalid("confirm", "is the id of the organisation that is to be erased")
    erasure = request_organisation_erasure(
        call.organisation_id,
        origin=call.origin,
        environments=_settings.environments,
        erasures=_organisation_erasures,
        clock=_clock,
    )
    return json_reply(_organisation_view(erasure), status=202)


@api.user_operation("GET", "/v1/organisation/erasure", permission="data.erase")
def get_organisation_erasure(call: Call) -> Reply:
    """While the caller is still known here: afterwards there is nobody who may ask."""
    erasure = _organisation_erasures.find(call.organisation_id)
    if erasure is None:
        raise NotFound("This organisation is not being erased.")
    return json_reply(_organisation_view(erasure))


def _account_id(call: Call) -> str:
    account_id = call.path["account_id"]
    if not is_id("acc", account_id):
        raise NotFound("There is no such account.")
    return account_id


def _account_reply(erasure: AccountErasure) -> Reply:
    return json_reply(_account_view(erasure), status=202 if erasure.erased_at is None else 200)


def _account_view(erasure: AccountErasure) -> ErasureView:
    return ErasureView(
        target_id=erasure.account_id,
        status="erasing" if erasure.erased_at is None else "erased",
        requested_at=erasure.requested_at,
        erased_at=erasure.erased_at,
    )


def _organisation_view(erasure: OrganisationErasure) -> ErasureView:
    return ErasureView(
        target_id=erasure.organisation_id,
        status="erasing" if erasure.erased_at is None else "erased",
        requested_at=erasure.requested_at,
        erased_at=erasure.erased_at,
    )


@functions_framework.http
def main(request: flask.Request) -> flask.Response:
    return api(request)
