"""GET, POST /v1/sandbox/clock: what only the sandbox can do."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import flask
import functions_framework
import msgspec

from shared.assembly import client_api
from shared.domain.clock import OffsetClock, SystemClock
from shared.domain.ids import derived_id, new_id
from shared.domain.keys import derive_key
from shared.domain.sandbox_clock import OFFSET_SECONDS_MAX, SandboxClock
from shared.gcp.clients import firestore_client
from shared.gcp.clock_store import ClockStore
from shared.gcp.consent_store import ConsentStore
from shared.gcp.idempotency_store import IdempotencyStore
from shared.gcp.sync_tasks import CloudSyncTasks
from shared.http.call import Call, Reply, json_reply
from shared.http.framework import answer_unroutable
from shared.http.idempotency import HEADER, Idempotency
from shared.http.sealing import Sealer
from shared.settings import MissingSetting, load_api_settings, load_settings, load_task_settings
from shared.use_cases.move_clock import move_clock

_settings = load_settings()
if _settings.environment != "sandbox":
    raise MissingSetting("this function is of the sandbox only: TOK_ENVIRONMENT must be sandbox")
_clock = SystemClock()
_data = firestore_client(project=_settings.project, database=_settings.data_database)
_clocks = ClockStore(_data)
_consents = ConsentStore(_data)
_tasks = CloudSyncTasks(load_task_settings())
_idempotency = Idempotency(
    IdempotencyStore(_data),
    sealer=Sealer(derive_key(load_api_settings().signing_key, purpose="idempotency")),
    clock=_clock,
)
api = client_api("sandbox", _settings)
answer_unroutable(api)


class MoveClock(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    advance_seconds: Annotated[int, msgspec.Meta(ge=1, le=OFFSET_SECONDS_MAX)]


class ClockView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    now: datetime
    offset_seconds: int


@api.operation("GET", "/v1/sandbox/clock")
def get_clock(call: Call) -> Reply:
    return json_reply(_view(_clocks.find(call.organisation_id)[0]))


@api.operation("POST", "/v1/sandbox/clock")
def move(call: Call) -> Reply:
    body = call.body(MoveClock)

    def effect(move_id: str) -> Reply:
        moved = move_clock(
            call.organisation_id,
            advance_seconds=body.advance_seconds,
            move_id=move_id,
            clocks=_clocks,
            consents=_consents,
            tasks=_tasks,
            clock=_clock,
        )
        return json_reply(_view(moved))

    return _idempotency.run(
        call, operation="move_sandbox_clock", new_effect_id=lambda: _move_id(call), effect=effect
    )


def _move_id(call: Call) -> str:
    """The same for one key, so that a repetition finishes a move that failed half-way and does not add to it."""
    key = call.request.headers.get(HEADER)
    return new_id("req") if key is None else derived_id("req", "move_sandbox_clock", key)


def _view(clock: SandboxClock) -> ClockView:
    return ClockView(now=OffsetClock(_clock, clock.offset_seconds).now(), offset_seconds=clock.offset_seconds)


@functions_framework.http
def main(request: flask.Request) -> flask.Response:
    return api(request)
