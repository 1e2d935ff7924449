"""GET /v1/banks"""

from __future__ import annotations

import re
import time
from threading import Lock

import flask
import functions_framework
import msgspec

from shared.assembly import client_api
from shared.banks.registry import catalogue
from shared.domain.bank_health import BankHealth
from shared.domain.clock import Clock, OffsetClock, SystemClock
from shared.domain.errors import Invalid
from shared.gcp.bank_healths import BankHealths
from shared.gcp.clock_offsets import ClockOffsets
from shared.gcp.raw_firestore import RawFirestore
from shared.http.call import Call, Reply, json_reply
from shared.http.framework import answer_unroutable
from shared.http.paging import ListReply
from shared.http.views import bank_view
from shared.settings import load_bank_settings, load_settings

_settings = load_settings()
_data = RawFirestore(project=_settings.project, database=_settings.data_database)
_healths = BankHealths(_data, _settings.environment)
_clocks = ClockOffsets(_data, _settings.environment)
_banks = catalogue(load_bank_settings(), _settings.environment)
api = client_api("banks", _settings)
answer_unroutable(api)

_REMEMBERED_SECONDS = 5.0
_REMEMBERED_MAX = 1_000
_remembered: dict[str, tuple[float, dict[str, BankHealth], Clock]] = {}
_remembering = Lock()
_COUNTRY = re.compile(r"[A-Z]{2}")


class ListBanks(msgspec.Struct, frozen=True, kw_only=True):
    country: str | None = None


@api.operation("GET", "/v1/banks", takes_query=True)
def list_banks(call: Call) -> Reply:
    country = call.query(ListBanks).country
    if country is not None and _COUNTRY.fullmatch(country) is None:
        raise Invalid("country", "is two capital letters (ISO 3166-1), such as HR")
    found = [bank for bank in _banks if country in (None, bank.country)]
    healths, clock = _known(call.organisation_id)
    now = clock.now()
    shown = [bank_view(bank, healths.get(bank.id, BankHealth(bank_id=bank.id)), at=now) for bank in found]
    return json_reply(ListReply(data=shown, next_cursor=None))


def _known(organisation_id: str) -> tuple[dict[str, BankHealth], Clock]:
    """How the banks do, and what time it is for this organisation; remembered for some seconds."""
    with _remembering:
        remembered = _remembered.get(organisation_id)
        if remembered is not None and remembered[0] > time.monotonic():
            return remembered[1:]
    healths = _healths.all_of(organisation_id, [bank.id for bank in _banks])
    clock = OffsetClock(SystemClock(), _clocks.offset_seconds(organisation_id))
    with _remembering:
        if len(_remembered) >= _REMEMBERED_MAX:
            _remembered.clear()
        _remembered[organisation_id] = (time.monotonic() + _REMEMBERED_SECONDS, healths, clock)
    return healths, clock


@functions_framework.http
def main(request: flask.Request) -> flask.Response:
    return api(request)
