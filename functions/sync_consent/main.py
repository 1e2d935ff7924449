"""One task: bring one consent's accounts up to date."""

from __future__ import annotations

import flask
import functions_framework
import msgspec

from shared.assembly import internal_api
from shared.banks.registry import RegisteredBanks
from shared.domain.clock import SystemClock
from shared.gcp.bank_health_store import BankHealthStore
from shared.gcp.clients import firestore_client
from shared.gcp.consent_store import ConsentStore
from shared.gcp.envelope import KmsTokenVault
from shared.gcp.sync_store import FirestoreSyncStore
from shared.gcp.sync_tasks import CloudSyncTasks
from shared.http.call import Call, Reply, json_reply
from shared.http.framework import answer_unroutable
from shared.http.log import logger
from shared.http.notices import LoggedNotices
from shared.http.stopping import is_stopping
from shared.http.task_lag import TASK_ETA, lag_seconds
from shared.settings import load_bank_settings, load_kms_key, load_settings, load_task_settings
from shared.use_cases.sync_consent import sync_consent

_settings = load_settings()
_data = firestore_client(project=_settings.project, database=_settings.data_database)
_consents = ConsentStore(_data)
_store = FirestoreSyncStore(_data)
_banks = RegisteredBanks(load_bank_settings(), _settings.environment)
_vault = KmsTokenVault(key_name=load_kms_key(), environment=_settings.environment)
_healths = BankHealthStore(_data, _settings.environment)
_tasks = CloudSyncTasks(load_task_settings())
_clock = SystemClock()
_log = logger("sync_consent")
_notices = LoggedNotices(_log)
api = internal_api("sync_consent", _settings)
answer_unroutable(api)


class SyncTask(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    organisation_id: str
    consent_id: str


@api.operation("POST", "/")
def sync(call: Call) -> Reply:
    task = call.body(SyncTask)
    lag = lag_seconds(call.request.headers.get(TASK_ETA), now=_clock.now())
    outcome = sync_consent(
        task.organisation_id,
        task.consent_id,
        task=call.request.headers.get("X-CloudTasks-TaskName", call.request_id),
        banks=_banks,
        consents=_consents,
        store=_store,
        vault=_vault,
        tasks=_tasks,
        healths=_healths,
        notices=_notices,
        clock=_clock,
        should_stop=is_stopping,
    )
    _log.info(
        "sync_ended", requestId=call.request_id, consent=task.consent_id, outcome=outcome, lagSeconds=lag
    )
    return json_reply({"outcome": outcome})


@functions_framework.http
def main(request: flask.Request) -> flask.Response:
    return api(request)
