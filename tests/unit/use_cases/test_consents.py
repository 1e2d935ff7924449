"""Starting, completing and ending a consent, with every way a callback can be wrong."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from shared.domain.consents import Consent
from shared.domain.errors import BankAccessLost, BankUnavailable, Conflict, Invalid, NotFound, TokError
from shared.domain.ids import new_id
from shared.domain.oauth_states import code_challenge, code_verifier
from shared.gcp import paths
from shared.gcp.oauth_state_store import OAuthStateStore
from shared.use_cases.authorisation import Authorisations
from shared.use_cases.complete_consent import Callback, complete_consent
from shared.use_cases.revoke_consent import revoke_consent
from shared.use_cases.start_consent import StartConsent, start_consent
from tests.fakes.bank import BANK_ID, ISSUER
from tests.unit.use_cases.conftest import World

PKCE_KEY = b"p" * 32
REDIRECT_URI = "https://sandbox.api.tokapi.io/v1/callback"


@dataclass
class Started:
    consent: Consent
    state: str


def authorisations(world: World) -> Authorisations:
    return Authorisations(
        redirect_uri=REDIRECT_URI,
        pkce_key=PKCE_KEY,
        banks=world.bank,
        states=OAuthStateStore(world.data),
        healths=world.healths,
        clock=world.clock,
    )


def start(world: World, **changes: Any) -> Started:
    request: dict[str, Any] = {
        "organisation_id": world.organisation_id,
        "consent_id": new_id("con"),
        "bank_id": BANK_ID,
        "callback_url": "https://client.example/cb",
        "client_state": "mine",
        "psu_ip_address": "192.0.2.1",
    }
    started = start_consent(
        StartConsent(**(request | changes)),
        authorisations=authorisations(world),
        banks=world.bank,
        consents=world.consents,
        clock=world.clock,
    )
    query = parse_qs(urlsplit(started.redirect_url).query)
    state = query["state"][0]
    assert query["code_challenge"] == [code_challenge(code_verifier(state, key=PKCE_KEY))]
    return Started(started.consent, state)


def complete(world: World, state: str, **changes: Any) -> Consent:
    fields: dict[str, Any] = {"state": state, "code": "code-1", "error": None, "issuer": ISSUER}
    return complete_consent(
        Callback(**(fields | changes)),
        redirect_uri=REDIRECT_URI,
        pkce_key=PKCE_KEY,
        banks=world.bank,
        consents=world.consents,
        states=OAuthStateStore(world.data),
        vault=world.vault,
        tasks=world.tasks,
        clock=world.clock,
    )


def revoke(world: World, consent: Consent) -> Consent | None:
    return revoke_consent(
        world.organisation_id,
        consent.id,
        banks=world.bank,
        consents=world.consents,
        healths=world.healths,
        clock=world.clock,
    )


def history(world: World, consent: Consent) -> list[str]:
    collection = world.data.collection(f"{paths.consent(world.organisation_id, consent.id)}/history")
    return [snapshot.get("status") for snapshot in collection.order_by("revision").stream()]


def test_a_started_consent_waits_and_keeps_no_state_in_the_clear(world: World) -> None:
    started = start(world)
    assert world.consent(started.consent).status == "pending"
    assert started.consent.expires_at <= world.clock.now() + timedelta(days=90)
    for collection in ("oauthStates", f"organisations/{world.organisation_id}/consents"):
        for snapshot in world.data.collection(collection).stream():
            assert started.state not in repr((snapshot.id, snapshot.to_dict()))


def test_an_unknown_bank_changes_nothing(world: World) -> None:
    with pytest.raises(Invalid) as refusal:
        start(world, bank_id="no-such-bank")
    assert refusal.value.field == "bankId"
    assert world.consents.list(world.organisation_id, limit=5, before=None) == []


def test_a_bank_out_of_reach_changes_nothing(world: World) -> None:
    world.bank.failures = [BankUnavailable(BANK_ID, "down")]
    with pytest.raises(BankUnavailable):
        start(world)
    assert world.consents.list(world.organisation_id, limit=5, before=None) == []


def test_the_psu_comes_back_and_the_consent_is_active(world: World) -> None:
    started = start(world)
    consent = complete(world, started.state)
    assert consent.status == "active"
    assert consent.sca_at == world.clock.now()
    assert world.tasks.enqueued == {(consent.id, "first"): world.clock.now()}
    assert world.consents.sealed_tokens(world.organisation_id, consent.id) is not None
    assert history(world, consent) == ["pending", "active"]
    assert world.sync(consent) == "synced"


def test_a_refusal_is_told(world: World) -> None:
    declined = complete(world, start(world).state, code=None, error="access_denied")
    assert (declined.status, declined.fault and declined.fault.code) == ("error", "PSU_DECLINED")
    failed = complete(world, start(world).state, code=None, error="server_error")
    assert (failed.status, failed.fault and failed.fault.code) == ("error", "SCA_FAILED")
    assert world.consents.sealed_tokens(world.organisation_id, declined.id) is None
    assert history(world, declined) == ["pending", "error"]


@pytest.mark.parametrize(
    ("failure", "fault"),
    [
        (BankAccessLost(BANK_ID, "invalid_grant", reason="refused"), "TOKEN_REFUSED"),
        (BankUnavailable(BANK_ID, "down"), "BANK_ERROR"),
    ],
)
def test_a_code_that_cannot_be_exchanged_is_told(world: World, failure: Exception, fault: str) -> None:
    started = start(world)
    world.bank.failures = [failure]
    consent = complete(world, started.state)
    assert (consent.status, consent.fault and consent.fault.code) == ("error", fault)


def snapshot_of(world: World, consent: Consent) -> tuple[object, ...]:
    return (
        world.consent(consent),
        world.consents.sealed_tokens(world.organisation_id, consent.id),
        history(world, consent),
        dict(world.tasks.enqueued),
    )


def test_a_replayed_callback_changes_nothing(world: World) -> None:
    started = start(world)
    complete(world, started.state)
    before = snapshot_of(world, started.consent)
    for changes in ({}, {"code": None, "error": "access_denied"}):
        with pytest.raises(Conflict):
            complete(world, started.state, **changes)
    assert snapshot_of(world, started.consent) == before
    assert world.bank.calls.count("exchange") == 1


def test_a_callback_after_ten_minutes_changes_nothing(world: World) -> None:
    started = start(world)
    world.clock.move(timedelta(minutes=10))
    before = snapshot_of(world, started.consent)
    with pytest.raises(Invalid) as refusal:
        complete(world, started.state)
    assert refusal.value.field == "state"
    assert snapshot_of(world, started.consent) == before


@pytest.mark.parametrize("issuer", [None, "", "https://other.example", ISSUER + "/"])
def test_a_callback_of_another_issuer_changes_nothing_and_the_right_one_still_works(
    world: World, issuer: str | None
) -> None:
    started = start(world)
    before = snapshot_of(world, started.consent)
    with pytest.raises(Invalid) as refusal:
        complete(world, started.state, issuer=issuer)
    assert refusal.value.field == "iss"
    assert snapshot_of(world, started.consent) == before
    assert complete(world, started.state).status == "active"


@pytest.mark.parametrize("changes", [{"code": None}, {"error": "access_denied"}])
def test_neither_or_both_of_code_and_error_is_refused(world: World, changes: dict[str, str | None]) -> None:
    started = start(world)
    with pytest.raises(Invalid):
        complete(world, started.state, **changes)
    assert world.consent(started.consent).status == "pending"


@given(st.text(max_size=60), st.sampled_from([None, ISSUER, "x"]), st.sampled_from([None, "code-1"]))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_forged_callback_is_accepted(
    world: World, state: str, issuer: str | None, code: str | None
) -> None:
    with pytest.raises(TokError):
        complete(world, state.encode("utf-8", "replace").decode(), issuer=issuer, code=code)
    assert world.bank.calls.count("exchange") == 0


def test_of_eight_callbacks_at_once_one_counts(world: World) -> None:
    started = start(world)

    def attempt(_number: int) -> str:
        try:
            return complete(world, started.state).status
        except Conflict:
            return "refused"

    with ThreadPoolExecutor(8) as pool:
        outcomes = sorted(pool.map(attempt, range(8)))
    assert outcomes == ["active", *["refused"] * 7]
    assert world.bank.calls.count("exchange") == 1
    assert history(world, started.consent) == ["pending", "active"]


def test_revoking_destroys_the_tokens_tells_the_bank_and_can_be_repeated(world: World) -> None:
    consent = complete(world, start(world).state)
    world.sync(consent)
    revoked = revoke(world, consent)
    assert revoked is not None
    assert revoked.status == "revoked"
    assert world.bank.revoked == ["bank-consent-1"]
    assert world.consents.sealed_tokens(world.organisation_id, consent.id) is None
    assert revoke(world, consent) is None
    assert world.bank.revoked == ["bank-consent-1"]
    assert history(world, consent) == ["pending", "active", "revoked"]
    account = world.accounts.find(world.organisation_id, world.account_id())
    assert account is not None
    assert account.status == "revoked"


def test_a_bank_that_cannot_be_told_does_not_keep_the_consent_alive(world: World) -> None:
    consent = complete(world, start(world).state)
    world.bank.failures = [BankUnavailable(BANK_ID, "down")]
    revoked = revoke(world, consent)
    assert revoked is not None
    assert revoked.status == "revoked"


def test_a_callback_for_a_consent_that_was_revoked_meanwhile_changes_nothing(world: World) -> None:
    started = start(world)
    revoke(world, started.consent)
    with pytest.raises(Conflict):
        complete(world, started.state)
    assert world.consent(started.consent).status == "revoked"


def test_anothers_consent_is_not_found(world: World, new_world: Any) -> None:
    consent = complete(world, start(world).state)
    stranger = new_world()
    with pytest.raises(NotFound):
        revoke_consent(
            stranger.organisation_id,
            consent.id,
            banks=world.bank,
            consents=world.consents,
            healths=world.healths,
            clock=world.clock,
        )
    assert world.consent(consent).status == "active"
