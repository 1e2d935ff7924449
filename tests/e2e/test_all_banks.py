"""Each bank of the sandbox, connected and read: what the API lists is what the bank's books hold, to the last row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
from google.cloud.firestore_v1.base_query import FieldFilter

from shared.gcp import paths
from tests.contract.openapi import ContractClient
from tests.e2e import books, reading
from tests.e2e.books import Row
from tests.e2e.operations import Operations
from tests.stack import Stack

pytestmark = pytest.mark.stack


@dataclass(frozen=True, kw_only=True)
class ConnectedBank:
    bank_id: str
    api_key: str
    client: ContractClient
    consent_id: str

    def main_account(self) -> Row:
        main = next(iter(books.accounts_by_iban(self.bank_id, "ana")))
        shown = reading.accounts_of_consent(self.client, self.consent_id)
        return next(account for account in shown if account["iban"] == main)


@pytest.fixture(scope="module", params=books.BANK_IDS)
def bank(request: pytest.FixtureRequest, stack: Stack) -> Iterator[ConnectedBank]:
    """One that Ana connected, after its first sync. To be read only."""
    with connected_bank(stack, request.param) as connected:
        yield connected


@contextmanager
def connected_bank(stack: Stack, bank_id: str) -> Iterator[ConnectedBank]:
    api_key = stack.new_organisation()
    connection = stack.connect(api_key, bank_id=bank_id)
    assert connection.callback == {"consentId": connection.consent_id, "status": "active"}
    stack.wait_synced(api_key, connection.consent_id)
    with ContractClient(stack.gateway_url, api_key=api_key) as client:
        yield ConnectedBank(bank_id=bank_id, api_key=api_key, client=client, consent_id=connection.consent_id)


def test_every_transaction_and_balance_is_the_banks(bank: ConnectedBank) -> None:
    ids = reading.require_all_books(bank.client, bank.consent_id, bank_id=bank.bank_id, username="ana")

    assert sum(map(len, ids.values())) > 500, "two years of daily life"


def test_accounts_are_shown_as_the_bank_names_them(bank: ConnectedBank) -> None:
    consent = bank.client.get(f"/consents/{bank.consent_id}").json()
    shown = reading.accounts_of_consent(bank.client, bank.consent_id)
    owned = books.accounts_by_iban(bank.bank_id, "ana")

    assert {account["id"] for account in shown} == set(consent["accountIds"])
    for account in shown:
        told = owned[account["iban"]]
        assert (account["currency"], account["name"], account["ownerName"]) == (
            told.currency,
            told.product,
            told.holder,
        )
        assert account["status"] == "active"
        assert account["bankId"] == bank.bank_id
        assert account["balance"] in account["balances"]
        assert account["nextRefreshAt"] == consent["nextSyncAt"]
        assert bank.client.get(f"/accounts/{account['id']}").json() == account
    assert {account["type"] for account in shown} >= {"current", "savings"}


def test_dates_limit_the_list_inclusively(bank: ConnectedBank) -> None:
    account_id = bank.main_account()["id"]
    everything = reading.read_all(bank.client, account_id, limit=500)
    days = sorted({row["bookingDate"] for row in everything})
    oldest, newest, some, later = days[0], days[-1], days[len(days) // 3], days[len(days) // 2]

    for first, last in ((some, later), (some, some), (oldest, oldest), (newest, newest), (oldest, newest)):
        wanted = [row for row in everything if first <= row["bookingDate"] <= last]
        assert wanted
        assert reading.read_all(bank.client, account_id, limit=151, dateFrom=first, dateTo=last) == wanted
    assert reading.read_all(bank.client, account_id, limit=500, dateFrom=some) == [
        row for row in everything if row["bookingDate"] >= some
    ]
    assert reading.read_all(bank.client, account_id, limit=500, dateTo=some) == [
        row for row in everything if row["bookingDate"] <= some
    ]
    before_all = (date.fromisoformat(oldest) - timedelta(days=1)).isoformat()
    assert reading.read_all(bank.client, account_id, dateTo=before_all) == []


def test_each_transaction_is_found_by_its_id(bank: ConnectedBank) -> None:
    account_id = bank.main_account()["id"]
    everything = reading.read_all(bank.client, account_id, limit=500)
    pending = reading.read_all(bank.client, account_id, status="pending")

    for row in (everything[0], everything[len(everything) // 2], everything[-1], *pending[:1]):
        assert bank.client.get(f"/accounts/{account_id}/transactions/{row['id']}").json() == row


@pytest.mark.parametrize("bank_id", ["erste-hr", "nlb-si"])
def test_a_sync_between_two_pages_neither_repeats_nor_skips_a_row(
    stack: Stack, operations: Operations, bank_id: str
) -> None:
    """Newest rows and rows in the middle of the history come in while a client is on its third page."""
    with connected_bank(stack, bank_id) as bank:
        account_id = bank.main_account()["id"]
        everything = reading.read_all(bank.client, account_id, limit=500)
        organisation_id = operations.organisation_id(bank.api_key)
        pages = list(
            operations.data.collection(paths.pages(organisation_id, account_id))
            .where(filter=FieldFilter("lower", "<", paths.HEAD))
            .order_by("lower")
            .stream()
        )
        assert len(pages) >= 4
        for page in (pages[-1], pages[-3]):
            page.reference.delete()
        began_with, cursor = reading.transactions_page(bank.client, account_id)
        more, cursor = reading.transactions_page(bank.client, account_id, cursor=cursor)
        below = (more[-1]["bookingDate"], more[-1]["id"])

        operations.wait_synced_anew(
            bank.api_key, bank.consent_id, since=datetime.now(UTC), fullHistoryRead=False
        )

        rest = reading.read_all(bank.client, account_id, cursor=cursor)
        assert rest == [row for row in everything if (row["bookingDate"], row["id"]) < below]
        seen = [row["id"] for row in (*began_with, *more, *rest)]
        assert len(set(seen)) == len(seen)
        assert seen[0] != everything[0]["id"], "the newest rows came later than the first page"
        assert reading.read_all(bank.client, account_id, limit=500) == everything, "and all is there again"


@pytest.mark.parametrize("bank", ["erste-hr"], indirect=True)
def test_pages_of_any_size_make_the_same_list(bank: ConnectedBank) -> None:
    account_id = bank.main_account()["id"]
    whole = reading.read_all(bank.client, account_id, limit=500)

    for limit in (1, 199, 200, 201):
        rows: list[Row] = []
        cursor: str | None = None
        for _ in range(3):
            page, cursor = reading.transactions_page(bank.client, account_id, cursor=cursor, limit=limit)
            rows += page
            if cursor is None:
                break
        assert rows == whole[: len(rows)]
        assert len(rows) == min(3 * limit, len(whole))
