"""One account with a long history, the same rows for both servers: pages in Firestore, a table in SQLite.

A process of its own, so that the one that forks servers never loads gRPC. Its last line of output is JSON:
what a client needs to ask for the rows.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
from sqlalchemy import Engine, insert

from benchmarks import rival
from benchmarks.servers import Seeded
from shared.domain.accounts import AccountHead
from shared.domain.api_keys import hash_key
from shared.domain.bank_data import BankTransaction
from shared.domain.identities import Identity
from shared.domain.ids import derived_id, new_id
from shared.domain.pages import Page, Row, merge, row_key
from shared.domain.transactions import Transaction, present
from shared.gcp import paths
from shared.gcp.clients import firestore_client
from shared.gcp.organisation_store import OrganisationStore
from shared.gcp.page_documents import head_document, page_document
from shared.use_cases.create_organisation import create_organisation

_NEWEST_DAY = date(2026, 6, 30)
_DAYS = 1_095
_CHUNK_ROWS = 2_000
"""Rows of one merge and one commit: some 11 pages, well under Firestore's 10 MiB a request."""
_PROGRESS_SECONDS = 2.0
_PAYEES = (
    ("Konzum plus d.o.o.", "HR1723600001101234565"),
    ("Hrvatski Telekom d.d.", "HR6623900011300012458"),
    ("Ljekarna Šimić", "HR1210010051863000160"),
    ("Živković i sinovi obrt", "HR9824020061100123456"),
    ("Čistoća d.o.o. Zagreb", "HR4423400091110123457"),
)
_WORDS = ("račun", "najam", "članarina", "režije", "plaća", "narudžba", "povrat", "đačka kuhinja")


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m benchmarks.seed", description=__doc__)
    options.add_argument("--project", required=True)
    options.add_argument("--database", required=True, help="Firestore database of the bank data")
    options.add_argument("--sqlite", type=Path, required=True, help="the rival's file")
    options.add_argument("--transactions", type=int, required=True)
    arguments = options.parse_args()

    control = OrganisationStore(firestore_client(project=arguments.project, database="(default)"))
    created = create_organisation("Benchmark d.o.o.", tier="enterprise", organisations=control)
    seeded = Seeded(
        organisation_id=created.organisation.id, account_id=new_id("acc"), api_key=created.sandbox_key
    )
    expires_at = datetime.now(UTC) + timedelta(days=90)
    data = firestore_client(project=arguments.project, database=arguments.database)
    head = AccountHead(status="active", expires_at=expires_at)
    data.document(paths.head(seeded.organisation_id, seeded.account_id)).set(head_document(head))
    sqlite = rival.create_database(arguments.sqlite)
    _put_account(sqlite, seeded, expires_at=expires_at)

    shown_at, done = time.monotonic(), 0
    newest: list[Page] = []
    for chunk in _chunks(seeded.account_id, count=arguments.transactions):
        written = merge(newest, [_row(transaction) for transaction in chunk])
        newest = [max(written, key=lambda page: page.lower)]
        batch = data.batch()
        for page in written:
            path = paths.page(seeded.organisation_id, seeded.account_id, page.lower)
            batch.set(data.document(path), page_document(page))
        batch.commit()
        with sqlite.begin() as connection:
            connection.execute(insert(rival.Transaction), [msgspec.structs.asdict(row) for row in chunk])
        done += len(chunk)
        if time.monotonic() - shown_at > _PROGRESS_SECONDS:
            shown_at = time.monotonic()
            print(f"  {done:,} of {arguments.transactions:,} transactions", flush=True)
    sqlite.dispose()
    print(msgspec.json.encode(seeded).decode(), flush=True)


def _put_account(sqlite: Engine, seeded: Seeded, *, expires_at: datetime) -> None:
    with sqlite.begin() as connection:
        connection.execute(
            insert(rival.ApiKey).values(
                key_hash=hash_key(seeded.api_key), organisation_id=seeded.organisation_id, revoked=False
            )
        )
        connection.execute(
            insert(rival.Account).values(
                id=seeded.account_id,
                organisation_id=seeded.organisation_id,
                status="active",
                expires_at=expires_at.replace(tzinfo=None),
            )
        )


def _chunks(account_id: str, *, count: int) -> Iterator[list[Transaction]]:
    """`count` transactions, oldest first, in lists."""
    chosen = random.Random(20260630)
    chunk: list[Transaction] = []
    for number in range(count):
        day = _NEWEST_DAY - timedelta(days=_DAYS - 1 - number * _DAYS // count)
        chunk.append(_transaction(account_id, number, day=day, chosen=chosen))
        if len(chunk) == _CHUNK_ROWS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _transaction(account_id: str, number: int, *, day: date, chosen: random.Random) -> Transaction:
    name, iban = chosen.choice(_PAYEES)
    is_outbound = chosen.random() < 0.8
    reference = f"{day:%Y%m%d}{number:09d}"
    told = BankTransaction(
        status="booked",
        external_id=f"EB{reference}",
        entry_reference=reference,
        end_to_end_id=None,
        booking_date=day,
        value_date=day,
        amount=Decimal(chosen.randrange(100, 500_000)) / 100,
        currency="EUR",
        direction="outbound" if is_outbound else "inbound",
        creditor_name=name if is_outbound else None,
        creditor_iban=iban if is_outbound else None,
        debtor_name=None if is_outbound else name,
        debtor_iban=None if is_outbound else iban,
        remittance_info=f"{chosen.choice(_WORDS)} {number} HR00 {chosen.randrange(10**9)}",
        raw_hash="",
    )
    transaction_id = derived_id("txn", account_id, "externalId", f"EB{reference}", "0", on=day)
    return present(told, transaction_id=transaction_id, account_id=account_id)


def _row(transaction: Transaction) -> Row:
    """As a sync stores it; the hashes, which listing never reads, have their length and no meaning."""
    json = msgspec.json.encode(transaction)
    content = hashlib.sha256(json).hexdigest()
    assert transaction.booking_date is not None
    identity = Identity(
        transaction_id=transaction.id,
        external_id=transaction.external_id,
        entry_reference=transaction.entry_reference,
        content=content[:32],
        outline=f"{transaction.amount}|{transaction.currency}|{transaction.direction}",
        day=transaction.booking_date,
        raw_hash=content,
    )
    return Row(key=row_key(transaction.booking_date, transaction.id), json=json, identity=identity)


if __name__ == "__main__":
    main()
