"""The store's charges on a real server: ours in every run, Google's emulator where it is installed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from google.cloud.firestore import Client

from shared.domain.rate_limits import MINUTE_US, Charge, Refund, StoreOutOfReach
from shared.gcp import clients, paths, rate_limit_store
from shared.gcp.rate_limit_store import RateLimitStore
from shared.gcp.raw_firestore import RawFirestore
from tests.localcloud.firestore.serving import connect
from tests.localcloud.google_emulator import EmulatorMissing, running_emulator

NOW_US = 29_400_000 * MINUTE_US + 30_000_000
ORG = "org_1"
INTERVAL_US = 1_000_000


@pytest.fixture(scope="session")
def google_address() -> Iterator[str]:
    try:
        with running_emulator() as address:
            yield address
    except EmulatorMissing as missing:
        pytest.skip(f"NOT COMPARED WITH GOOGLE'S EMULATOR: {missing}")


@pytest.fixture(params=["ours", pytest.param("google", marks=pytest.mark.google)])
def address(request: pytest.FixtureRequest) -> str:
    wanted = "firestore_address" if request.param == "ours" else "google_address"
    found: str = request.getfixturevalue(wanted)
    return found


@pytest.fixture
def store(address: str, project: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[RateLimitStore]:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", address)
    monkeypatch.setattr(rate_limit_store, "_DEADLINE_SECONDS", 20.0)  # a busy machine is no failure
    clients.firestore_channel.cache_clear()
    yield RateLimitStore(RawFirestore(project=project, database="(default)"))
    clients.firestore_channel.cache_clear()


def charge(
    store: RateLimitStore, *, tokens: int = 1, now_us: int = NOW_US, unused: int = 0
) -> tuple[int, int]:
    """(TAT ahead of `now_us`, count) just before."""
    made = Charge(now_us=now_us, tokens=tokens, unused=unused, unused_us=unused * INTERVAL_US)
    tally = store.charge(ORG, made, interval_us=INTERVAL_US)
    assert tally.minute == made.minute
    assert abs(tally.committed_us - time.time_ns() // 1_000) < 60_000_000
    return tally.tat_us - now_us, tally.count


def test_a_charge_tells_how_things_stood_before_it(store: RateLimitStore) -> None:
    assert charge(store) == (0, 0)
    assert charge(store, tokens=5) == (INTERVAL_US, 1)
    assert charge(store) == (6 * INTERVAL_US, 6)
    assert charge(store, now_us=NOW_US + 10_000_000) == (0, 7)


def test_a_minute_begins_with_nothing_and_leaves_the_one_before_alone(store: RateLimitStore) -> None:
    charge(store, tokens=3)
    assert charge(store, now_us=NOW_US + MINUTE_US) == (0, 0)
    assert charge(store, now_us=NOW_US)[1] == 3
    assert charge(store, now_us=NOW_US + 4 * MINUTE_US) == (0, 0), "its field was an earlier minute's"


def test_what_was_unused_is_taken_off_by_the_same_write(store: RateLimitStore) -> None:
    charge(store, tokens=5)
    assert charge(store, unused=4) == (1 * INTERVAL_US, 1)
    assert charge(store) == (2 * INTERVAL_US, 2)


def test_a_refund_arrives(store: RateLimitStore) -> None:
    charge(store, tokens=5)
    minute = NOW_US // MINUTE_US
    store.give_back(ORG, Refund(minute=minute, tokens=3, tat_us=2 * INTERVAL_US))
    give_up = time.monotonic() + 20
    while (seen := charge(store, tokens=0)) == (5 * INTERVAL_US, 5) and time.monotonic() < give_up:
        pass
    assert seen == (3 * INTERVAL_US, 2)


def test_sandbox_and_live_count_apart(store: RateLimitStore, project: str) -> None:
    live = RateLimitStore(RawFirestore(project=project, database="live"))
    charge(store, tokens=5)
    assert charge(live) == (0, 0)
    assert charge(store) == (5 * INTERVAL_US, 5)
    assert charge(live) == (INTERVAL_US, 1)


def test_charges_of_many_threads_are_each_counted_once(store: RateLimitStore) -> None:
    with ThreadPoolExecutor(8) as threads:
        seen = sorted(threads.map(lambda _: charge(store), range(100)))
    assert seen == [(number * INTERVAL_US, number) for number in range(100)]


def test_a_forgotten_organisation_starts_anew_and_the_document_ends_by_itself(
    store: RateLimitStore, address: str, project: str
) -> None:
    charge(store, tokens=5)
    document = connect(Client, address, project=project).document(paths.rate_limit(ORG))
    kept = document.get().get("deleteAt").timestamp() - NOW_US / 1_000_000
    assert 86_000 < kept <= 86_400
    store.forget(ORG)
    give_up = time.monotonic() + 20
    while document.get().exists and time.monotonic() < give_up:
        pass
    assert charge(store) == (0, 0)


def test_no_server_is_out_of_reach(project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
    clients.firestore_channel.cache_clear()
    store = RateLimitStore(RawFirestore(project=project, database="sandbox"))
    with pytest.raises(StoreOutOfReach) as caught:
        store.charge(ORG, Charge(now_us=NOW_US, tokens=1), interval_us=INTERVAL_US)
    assert str(caught.value) in ("UNAVAILABLE", "DEADLINE_EXCEEDED")
    clients.firestore_channel.cache_clear()
