"""The Scheduler's tick, each minute: what waits in the data database goes to the control plane."""

from __future__ import annotations

import flask
import functions_framework

from shared.assembly import internal_api
from shared.gcp.audit_store import AuditStore
from shared.gcp.clients import firestore_client
from shared.gcp.key_store import KeyStore
from shared.gcp.relay_store import RelayStore
from shared.http.call import Call, Reply, json_reply
from shared.http.framework import answer_unroutable
from shared.settings import load_settings
from shared.use_cases.relay import relay

_settings = load_settings()
_outbox = RelayStore(firestore_client(project=_settings.project, database=_settings.data_database))
_control = firestore_client(project=_settings.project, database=_settings.control_database)
_log = AuditStore(_control)
_keys = KeyStore(_control)
api = internal_api("relay", _settings)
answer_unroutable(api)


@api.operation("POST", "/")
def tick(_call: Call) -> Reply:
    return json_reply(relay(outbox=_outbox, log=_log, keys=_keys))


@functions_framework.http
def main(request: flask.Request) -> flask.Response:
    return api(request)
