"""The Scheduler's tick: erasures that have begun go on until they are done (docs/decisions/0018)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import flask
import functions_framework
import msgspec

from shared.assembly import internal_api
from shared.banks.registry import RegisteredBanks
from shared.domain.clock import SystemClock
from shared.domain.erasures import AccountErasure, OrganisationErasure
from shared.gcp.account_erasure_store import AccountErasureStore
from shared.gcp.audit_store import AuditStore
from shared.gcp.clients import firestore_client
from shared.gcp.consent_store import ConsentStore
from shared.gcp.organisation_data_store import OrganisationDataStore
from shared.gcp.organisation_erasure_store import OrganisationErasureStore
from shared.gcp.raw_firestore import RawFirestore
from shared.gcp.relay_store import RelayStore
from shared.http.call import Call, Reply, json_reply
from shared.http.framework import answer_unroutable
from shared.http.log import logger
from shared.settings import load_bank_settings, load_settings
from shared.use_cases.erase_account import go_on_erasing
from shared.use_cases.erase_organisation import erase_organisation

_TICK = timedelta(minutes=7)
"""Under the function's timeout, and past it the next tick goes on."""

_settings = load_settings()
_clock = SystemClock()
_control = firestore_client(project=_settings.project, database=_settings.control_database)
_data = firestore_client(project=_settings.project, database=_settings.data_database)
_raw_control = RawFirestore(project=_settings.project, database=_settings.control_database)
_raw_data = RawFirestore(project=_settings.project, database=_settings.data_database)
_accounts = AccountErasureStore(_data, _raw_data)
_organisations = OrganisationErasureStore(_control, _raw_control)
_organisation_data = OrganisationDataStore(_data, _raw_data)
_consents = ConsentStore(_data)
_outbox = RelayStore(_data)
_audit = AuditStore(_control)
_banks = RegisteredBanks(load_bank_settings(), _settings.environment)
_log = logger("erase")
api = internal_api("erase", _settings)
answer_unroutable(api)


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """How many erasures are still under way."""

    accounts: int
    organisations: int


@api.operation("POST", "/")
def tick(_call: Call) -> Reply:
    until = _clock.now() + _TICK
    accounts = [_finishes(partial(_go_on, *found, until)) for found in list(_accounts.open())]
    organisations = [_finishes(partial(_erase, found, until)) for found in list(_organisations.open())]
    return json_reply(Tick(accounts=accounts.count(False), organisations=organisations.count(False)))


def _finishes(go_on: Callable[[], AccountErasure | OrganisationErasure]) -> bool:
    """One that fails holds up no other: the next tick tries it again."""
    try:
        return go_on().erased_at is not None
    except Exception:
        _log.exception("an erasure failed")
        return False


def _go_on(organisation_id: str, erasure: AccountErasure, until: datetime) -> AccountErasure:
    return go_on_erasing(
        organisation_id, erasure, until=until, erasures=_accounts, consents=_consents, clock=_clock
    )


def _erase(erasure: OrganisationErasure, until: datetime) -> OrganisationErasure:
    return erase_organisation(
        erasure,
        environment=_settings.environment,
        until=until,
        erasures=_organisations,
        data=_organisation_data,
        outbox=_outbox,
        log=_audit,
        consents=_consents,
        banks=_banks,
        clock=_clock,
    )


@functions_framework.http
def main(request: flask.Request) -> flask.Response:
    return api(request)
