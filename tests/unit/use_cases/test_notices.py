from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.errors import BankUnavailable
from shared.domain.expiry_notices import EXPIRY_NOTICES, days_left
from shared.http.log import logger
from shared.http.notices import LoggedNotices
from shared.use_cases.bank_breaker import BankBreaker
from tests.fakes.bank import BANK_ID
from tests.fakes.notices import FakeNotices
from tests.unit.use_cases.conftest import World

END = datetime(2026, 12, 31, 12, tzinfo=UTC)


def test_each_notice_is_given_once_however_often_is_looked() -> None:
    start = END - timedelta(days=40)
    hours = [start + timedelta(hours=hour) for hour in range(0, 40 * 24, 8)]
    told = [days_left(END, since=before, until=now) for before, now in itertools.pairwise(hours)]
    assert [days for days in told if days is not None] == list(EXPIRY_NOTICES)


def test_after_a_long_silence_only_the_latest_notice_is_given() -> None:
    assert days_left(END, since=END - timedelta(days=60), until=END - timedelta(days=6)) == 7
    assert days_left(END, since=END - timedelta(days=60), until=END - timedelta(days=31)) is None


def test_a_sync_tells_that_the_consent_comes_to_its_end(world: World) -> None:
    consent, notices = world.active_consent(), FakeNotices()
    world.clock.move(consent.expires_at - world.clock.now() - timedelta(days=EXPIRY_NOTICES[0] + 2))
    world.sync(consent, notices=notices)
    assert notices.expiring == []
    while world.consent(consent).status == "active":
        world.due_again(consent)
        world.sync(consent, notices=notices)
    assert notices.expiring == [(consent.id, days) for days in EXPIRY_NOTICES]


def test_a_breaker_that_opens_is_told_once(world: World) -> None:
    notices = FakeNotices()
    for _ in range(7):
        breaker = BankBreaker(
            world.organisation_id, BANK_ID, healths=world.healths, notices=notices, clock=world.clock
        )
        breaker.failed(BankUnavailable(BANK_ID, "down"))
    assert [bank for bank, _ in notices.opened] == [BANK_ID]


def test_notices_are_log_lines_without_anything_of_the_psus(
    world: World, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    consent = world.active_consent()
    notices = LoggedNotices(logger("notices-test"))
    notices.consent_expiring(consent, days=7)
    notices.breaker_opened(BANK_ID, until=END)
    expiring, opened = (json.loads(line) for line in capfdbinary.readouterr().out.splitlines())
    assert (expiring["message"], expiring["days"], expiring["consent"]) == ("consent_expiring", 7, consent.id)
    assert (opened["message"], opened["bank"]) == ("breaker_opened", BANK_ID)
