"""POST /v1/accounts/{accountId}/refresh"""

from __future__ import annotations

import ipaddress

import flask
import functions_framework
import msgspec

from shared.assembly import client_api
from shared.domain.budgets import RefreshBudget
from shared.domain.clock import SystemClock
from shared.domain.errors import Invalid, NotFound
from shared.domain.ids import is_id, new_id
from shared.domain.keys import derive_key
from shared.gcp.account_store import AccountStore
from shared.gcp.clients import firestore_client
from shared.gcp.consent_store import ConsentStore
from shared.gcp.idempotency_store import IdempotencyStore
from shared.gcp.raw_firestore import RawFirestore
from shared.gcp.sync_tasks import CloudSyncTasks
from shared.http.call import Call, Reply, json_reply
from shared.http.framework import answer_unroutable
from shared.http.idempotency import Idempotency
from shared.http.sealing import Sealer
from shared.settings import load_api_settings, load_settings, load_task_settings
from shared.use_cases.refresh_account import RefreshAccount, refresh_account

_settings = load_settings()
_clock = SystemClock()
_data = firestore_client(project=_settings.project, database=_settings.data_database)
_accounts = AccountStore(RawFirestore(project=_settings.project, database=_settings.data_database))
_consents = ConsentStore(_data)
_tasks = CloudSyncTasks(load_task_settings())
_idempotency = Idempotency(
    IdempotencyStore(_data),
    sealer=Sealer(derive_key(load_api_settings().signing_key, purpose="idempotency")),
    clock=_clock,
)
api = client_api("refresh", _settings)
answer_unroutable(api)


class Refresh(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    psu_ip_address: str | None = None


class RefreshView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    account_id: str
    attended: bool
    refresh: RefreshBudget


@api.operation("POST", "/v1/accounts/<account_id>/refresh")
def refresh(call: Call) -> Reply:
    account_id = call.path["account_id"]
    if not is_id("acc", account_id) or _accounts.find(call.organisation_id, account_id) is None:
        raise NotFound("There is no such account.")
    psu_ip_address = _ip_address(call.body(Refresh).psu_ip_address)

    def effect(request_id: str) -> Reply:
        budget = refresh_account(
            RefreshAccount(
                organisation_id=call.organisation_id,
                account_id=account_id,
                request_id=request_id,
                psu_ip_address=psu_ip_address,
            ),
            accounts=_accounts,
            consents=_consents,
            tasks=_tasks,
            clock=_clock,
        )
        shown = RefreshView(account_id=account_id, attended=psu_ip_address is not None, refresh=budget)
        return json_reply(shown, status=202)

    return _idempotency.run(
        call, operation=f"refresh_account {account_id}", new_effect_id=lambda: new_id("req"), effect=effect
    )


def _ip_address(given: str | None) -> str | None:
    try:
        return None if given is None else str(ipaddress.ip_address(given))
    except ValueError:
        raise Invalid("psuIpAddress", "is not an IPv4 or IPv6 address") from None


@functions_framework.http
def main(request: flask.Request) -> flask.Response:
    return api(request)
