"""GET /v1/callback: where banks send PSUs back to."""

from __future__ import annotations

import ipaddress

import flask
import functions_framework
import msgspec

from shared.assembly import public_api
from shared.banks.registry import RegisteredBanks
from shared.domain.callback_urls import with_parameters
from shared.domain.clock import SystemClock
from shared.domain.errors import Invalid
from shared.domain.keys import derive_key
from shared.gcp.clients import firestore_client
from shared.gcp.consent_store import ConsentStore
from shared.gcp.envelope import KmsTokenVault
from shared.gcp.oauth_state_store import OAuthStateStore
from shared.gcp.sync_tasks import CloudSyncTasks
from shared.http.call import Call, Reply
from shared.http.framework import answer_unroutable
from shared.settings import (
    load_api_settings,
    load_bank_settings,
    load_kms_key,
    load_settings,
    load_task_settings,
)
from shared.use_cases.complete_consent import Callback, complete_consent

_settings = load_settings()
_api_settings = load_api_settings()
_data = firestore_client(project=_settings.project, database=_settings.data_database)
_consents = ConsentStore(_data)
_states = OAuthStateStore(_data)
_banks = RegisteredBanks(load_bank_settings(), _settings.environment)
_vault = KmsTokenVault(key_name=load_kms_key(), environment=_settings.environment)
_tasks = CloudSyncTasks(load_task_settings())
api = public_api("callback", _settings)
answer_unroutable(api)


class CallbackQuery(msgspec.Struct, frozen=True, kw_only=True):
    state: str = ""
    code: str | None = None
    error: str | None = None
    error_description: str | None = None
    iss: str | None = None


@api.operation("GET", "/v1/callback", public=True, takes_query=True)
def complete(call: Call) -> Reply:
    if call.request.method == "HEAD":
        raise Invalid("state", "is taken from a GET only: a look at this address must not complete anything")
    query = call.query(CallbackQuery, ignore_unknown=True)
    if not query.state:
        raise Invalid("state", "is required")
    consent = complete_consent(
        Callback(
            state=query.state,
            code=query.code,
            error=query.error,
            issuer=query.iss,
            psu_ip_address=_ip_address(call),
        ),
        redirect_uri=f"{_api_settings.public_url}/callback",
        pkce_key=derive_key(_api_settings.signing_key, purpose="pkce"),
        banks=_banks,
        consents=_consents.on_behalf_of(call.origin),
        states=_states,
        vault=_vault,
        tasks=_tasks,
        clock=SystemClock(),
    )
    answered = consent.renewal or consent  # a renewal is left on the consent when it failed
    parameters = {"consentId": consent.id, "status": consent.status}
    if answered.client_state is not None:
        parameters["state"] = answered.client_state
    if answered.fault is not None:
        parameters["code"] = answered.fault.code
    location = with_parameters(answered.callback_url, parameters)
    return Reply(status=302, headers=(("Location", location), ("Referrer-Policy", "no-referrer")))


def _ip_address(call: Call) -> str | None:
    """Of the PSU's browser, which is who calls here."""
    try:
        return str(ipaddress.ip_address(call.client_ip))
    except ValueError:
        return None


@functions_framework.http
def main(request: flask.Request) -> flask.Response:
    return api(request)
