"""Every connector against the sandbox bank: the whole path, what goes wrong on it, and the standard's document."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import flask
import pytest
from google.cloud import firestore
from test_utils.system import EmulatorCreds, unique_resource_id

from localcloud.firestore.background import serve_in_background
from localcloud.firestore.engine import Engine
from localcloud.firestore.storage import Storage
from shared.domain.bank_data import BankTransaction
from shared.domain.errors import (
    BankAccessLost,
    BankConfigurationError,
    BankError,
    BankRateLimited,
    BankRefused,
    BankTokenExpired,
    BankUnavailable,
)
from tests.contract.banks_at_work import BANK_URL, SETTINGS, Bank, BankClock, walk
from tests.contract.berlin_group import load_berlin_group
from xs2a_bank.app import create_app
from xs2a_bank.banks import BANKS
from xs2a_bank.data import accounts_of, statement
from xs2a_bank.firestore_store import FirestoreStore

BANK_IDS = tuple(BANKS)
STANDARD_BANK_IDS = tuple(bank.id for bank in BANKS.values() if bank.dialect == "berlin_group")


@pytest.fixture(scope="session")
def firestore_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    storage = Storage(tmp_path_factory.mktemp("connectors"))
    with serve_in_background(Engine(sink=storage.save)) as address:
        yield address
    storage.close()


@pytest.fixture
def clock() -> BankClock:
    return BankClock()


@pytest.fixture
def app(firestore_address: str, clock: BankClock) -> flask.Flask:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "FIRESTORE_EMULATOR_HOST", firestore_address)
        client = firestore.Client(
            project=f"banks{unique_resource_id('-')}", credentials=EmulatorCreds(), database="sandbox-bank"
        )
    return create_app(SETTINGS, FirestoreStore(client), clock)


@pytest.fixture(params=BANK_IDS)
def bank(request: pytest.FixtureRequest, app: flask.Flask, clock: BankClock) -> Bank:
    return Bank.of(request.param, app, clock)


@pytest.fixture(params=("erste-hr", "raiffeisen-ba"))
def either(request: pytest.FixtureRequest, app: flask.Flask, clock: BankClock) -> Bank:
    """One bank of each protocol."""
    return Bank.of(request.param, app, clock)


@pytest.fixture
def erste(app: flask.Flask, clock: BankClock) -> Bank:
    return Bank.of("erste-hr", app, clock)


def movement(transaction: BankTransaction) -> tuple[date | None, Decimal, str | None, str | None]:
    """(booking date, signed amount, the other party's name and IBAN)"""
    if transaction.direction == "outbound":
        return (
            transaction.booking_date,
            -transaction.amount,
            transaction.creditor_name,
            transaction.creditor_iban,
        )
    return transaction.booking_date, transaction.amount, transaction.debtor_name, transaction.debtor_iban


def test_what_is_read_is_what_is_in_the_banks_books(bank: Bank) -> None:
    """Dates, signs, parties and order, whatever the bank leaves out or writes in its own way."""
    connection = bank.connect()
    now = bank.clock.current
    held = accounts_of(bank.id, "ana")
    accounts = bank.connector.accounts(connection.attended)
    assert [(a.iban, a.currency, a.owner_name) for a in accounts] == [
        (a.iban, a.currency, a.holder) for a in held
    ]
    account, books = accounts[0], statement(held[0], now=now)
    first_day = now.date() - timedelta(days=120)
    expected = [
        (
            m.day,
            m.amount,
            m.counterparty.name if m.counterparty else None,
            m.counterparty.iban if m.counterparty else None,
        )
        for m in reversed(books.booked)
        if m.day >= first_day
    ]
    found = connection.read_all(account, days=120)
    named = [
        (day, amount, None if name == BANKS[bank.id].name else name, iban)
        for day, amount, name, iban in map(movement, found)
    ]
    assert len(expected) > 100
    assert named == expected
    assert all(
        account.iban == (t.debtor_iban if t.direction == "outbound" else t.creditor_iban) for t in found
    )
    assert all(t.remittance_info for t in found)

    pending = connection.read_all(account, days=1, status="pending")
    assert [(t.status, movement(t)[1]) for t in pending] == [
        ("pending", m.amount) for m in reversed(books.pending)
    ]
    assert {b.type: b.amount for b in bank.connector.balances(connection.attended, account)}[
        "interimAvailable"
    ] == books.available_balance


def test_the_whole_history_is_there_right_after_sca(erste: Bank) -> None:
    connection = erste.connect()
    account = erste.connector.accounts(connection.attended)[0]
    found = connection.read_all(account, days=730)
    ids = [transaction.external_id for transaction in found]
    assert len(found) > 500
    assert len(set(ids)) == len(ids)
    erste.clock.move(minutes=16)
    connection.refresh()
    with pytest.raises(BankRefused, match="PERIOD_INVALID"):
        connection.read_all(account, days=730)


@pytest.mark.parametrize("bank_id", STANDARD_BANK_IDS)
def test_every_request_is_valid_by_the_standards_document(
    bank_id: str, app: flask.Flask, clock: BankClock
) -> None:
    document = load_berlin_group()
    bank = Bank.of(bank_id, app, clock)
    connection = bank.connect()
    account = bank.connector.accounts(connection.attended)[0]
    bank.connector.accounts(connection.unattended)
    bank.connector.balances(connection.attended, account)
    connection.read_all(account, days=120)
    connection.read_all(account, days=1, status="pending")
    bank.connector.consent_state(bank_consent_id=connection.consent_id)
    bank.connector.revoke(bank_consent_id=connection.consent_id)
    checked = set()
    for request in bank.wire.requests:
        query = dict(request.url.params)
        # Not the authorization server's, and not a further page: its link, and so its query, is the bank's own.
        if not request.url.path.startswith(f"/{bank_id}/v1/") or "before" in query:
            continue
        path = request.url.path.removeprefix(f"/{bank_id}")
        document.check_request(
            request.method, path, headers=dict(request.headers), query=query, body=request.content
        )
        checked.add(f"{request.method} {path.rpartition('/')[2]}".replace(connection.consent_id, "{id}"))
    assert checked == {
        "POST consents",
        "GET {id}",
        "GET status",
        "DELETE {id}",
        "GET accounts",
        "GET balances",
        "GET transactions",
    }


def test_the_bank_may_shorten_a_consent(erste: Bank) -> None:
    started = erste.connector.start_consent(
        redirect_uri="http://127.0.0.1:8080/v1/callback",
        state="s" * 43,
        code_challenge="c" * 43,
        valid_until=date(2099, 1, 1),
        psu_ip_address="203.0.113.7",
    )
    assert started.valid_until is not None
    assert started.valid_until - erste.clock.current.date() == timedelta(days=180)


def test_a_consent_that_is_declined(either: Bank) -> None:
    started, _ = either.start()
    assert either.connector.consent_state(bank_consent_id=started.bank_consent_id) == "pending"
    callback = walk(either.app, started.authorise_url, person="ana", decision="decline")
    assert callback["error"] == "access_denied"
    assert either.connector.consent_state(bank_consent_id=started.bank_consent_id) == "rejected"


def test_a_code_works_once(either: Bank) -> None:
    connection = either.connect()
    with pytest.raises(BankRefused):
        connection.exchange.at(either.connector)
    with pytest.raises(BankAccessLost):
        either.connector.accounts(connection.attended)


def test_an_expired_token_is_refreshed_and_refresh_tokens_rotate(either: Bank) -> None:
    connection = either.connect()
    first = connection.tokens
    assert timedelta(0) < first.expires_at - either.clock.current <= timedelta(minutes=10)
    either.clock.move(minutes=11)
    with pytest.raises(BankTokenExpired):
        either.connector.accounts(connection.attended)
    connection.refresh()
    assert connection.tokens.refresh_token != first.refresh_token
    assert either.connector.accounts(connection.attended)
    assert first.refresh_token is not None
    either.clock.move(seconds=61)
    with pytest.raises(BankAccessLost) as raised:
        either.connector.refresh(refresh_token=first.refresh_token)
    assert raised.value.reason == "refused"


def test_a_revoked_consent(either: Bank) -> None:
    connection = either.connect()
    assert either.connector.consent_state(bank_consent_id=connection.consent_id) == "valid"
    for _ in range(2):
        either.connector.revoke(bank_consent_id=connection.consent_id)
    assert either.connector.consent_state(bank_consent_id=connection.consent_id) == "revoked"
    with pytest.raises(BankAccessLost) as raised:
        either.connector.accounts(connection.attended)
    assert raised.value.reason == "revoked"


def test_revoking_what_the_bank_never_knew(either: Bank) -> None:
    either.connector.revoke(bank_consent_id="00000000-0000-4000-8000-000000000000")


def test_day_91(either: Bank) -> None:
    connection = either.connect()
    either.clock.move(days=89)
    connection.refresh()
    assert either.connector.accounts(connection.attended)
    either.clock.move(days=2)
    assert either.connector.consent_state(bank_consent_id=connection.consent_id) == "expired"
    with pytest.raises(BankError) as raised:
        either.connector.accounts(connection.attended)
    assert isinstance(raised.value, BankTokenExpired | BankAccessLost)
    with pytest.raises(BankAccessLost):
        connection.refresh()


def test_the_fifth_unattended_read(either: Bank) -> None:
    connection = either.connect()
    either.clock.move(minutes=16)
    connection.refresh()
    for _ in range(4):
        either.connector.accounts(connection.unattended)
    with pytest.raises(BankRateLimited) as raised:
        either.connector.accounts(connection.unattended)
    assert raised.value.retry_at is not None
    assert timedelta(0) < raised.value.retry_at - either.clock.current <= timedelta(days=1)


def test_a_read_with_the_psu_present_does_not_count(erste: Bank) -> None:
    connection = erste.connect()
    for _ in range(6):
        assert erste.connector.accounts(connection.attended)
    assert erste.connector.accounts(connection.unattended)


@pytest.mark.parametrize(
    ("person", "error", "reason"),
    [
        ("fails", BankUnavailable, None),
        ("html", BankUnavailable, None),
        ("garbled", BankUnavailable, None),
        ("limited", BankRateLimited, None),
        ("expired", BankAccessLost, "expired"),
        ("revoked", BankAccessLost, "revoked"),
        ("token-refused", BankAccessLost, "refused"),
    ],
)
def test_persons_whose_data_fails(
    either: Bank, person: str, error: type[BankError], reason: str | None
) -> None:
    connection = either.connect(person)
    with pytest.raises(error) as raised:
        either.connector.accounts(connection.attended)
    assert type(raised.value) is error
    assert getattr(raised.value, "reason", None) == reason


def test_a_read_that_fails_once(either: Bank) -> None:
    connection = either.connect("flaky")
    with pytest.raises(BankUnavailable):
        either.connector.accounts(connection.attended)
    assert either.connector.accounts(connection.attended)


@pytest.mark.parametrize("bank_id", ["erste-hr", "raiffeisen-ba"])
def test_a_wrong_secret_is_for_operations(bank_id: str, app: flask.Flask, clock: BankClock) -> None:
    impostor = Bank.of(bank_id, app, clock, secret="wrong")
    with pytest.raises(BankConfigurationError):
        impostor.start()


def test_tokens_go_nowhere_but_to_the_bank_and_never_in_an_address(erste: Bank) -> None:
    connection = erste.connect()
    account = erste.connector.accounts(connection.attended)[0]
    connection.read_all(account, days=30)
    secrets = (connection.tokens.access_token, connection.tokens.refresh_token, connection.exchange.code)
    for request in erste.wire.requests:
        assert str(request.url).startswith(BANK_URL)
        assert not any(secret is not None and secret in str(request.url) for secret in secrets)
