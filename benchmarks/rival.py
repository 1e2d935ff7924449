"""The conventional service that list-100 is measured against: FastAPI, SQLAlchemy's ORM, pydantic, SQLite.

Where a choice is open it favours this side: SQLite runs inside the process, amounts are text already (no Decimal to
convert), and pydantic writes the JSON (a response model without a response class is FastAPI's fast path). The endpoint
is a plain `def`, as FastAPI advises for a driver that blocks; as `async def`, or on uvloop and httptools, it measured
the same within 3 %.
Run by `uvicorn --factory benchmarks.rival:create_app`, the database's file in RIVAL_SQLITE.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Query
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from sqlalchemy import Engine, Index, create_engine, select, tuple_
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

_KEY_CACHE_SECONDS = 30.0
_MAC_BYTES = 16


class Base(DeclarativeBase):
    pass


class ApiKey(Base):
    __tablename__ = "api_keys"

    key_hash: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str]
    revoked: Mapped[bool]


class Account(Base):
    __tablename__ = "accounts"

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str]
    status: Mapped[str]
    expires_at: Mapped[datetime]
    """UTC, naive: SQLite has no zones."""


class Transaction(Base):
    __tablename__ = "transactions"

    id: Mapped[str] = mapped_column(primary_key=True)
    external_id: Mapped[str | None]
    booking_date: Mapped[date]
    value_date: Mapped[date | None]
    amount: Mapped[str]
    currency: Mapped[str]
    direction: Mapped[str]
    creditor_iban: Mapped[str | None]
    debtor_iban: Mapped[str | None]
    remittance_info: Mapped[str | None]
    source: Mapped[str]
    status: Mapped[str]
    account_id: Mapped[str]
    creditor_name: Mapped[str | None]
    debtor_name: Mapped[str | None]
    entry_reference: Mapped[str | None]
    end_to_end_id: Mapped[str | None]
    match_confidence: Mapped[str]

    __table_args__ = (Index("newest_first", "account_id", "status", "booking_date", "id"),)


class TransactionOut(BaseModel):
    model_config = ConfigDict(from_attributes=True, alias_generator=to_camel, populate_by_name=True)

    id: str
    external_id: str | None
    booking_date: date
    value_date: date | None
    amount: str
    currency: str
    direction: str
    creditor_iban: str | None
    debtor_iban: str | None
    remittance_info: str | None
    source: str
    status: str
    account_id: str
    creditor_name: str | None
    debtor_name: str | None
    entry_reference: str | None
    end_to_end_id: str | None
    match_confidence: str


class TransactionPage(BaseModel):
    model_config = ConfigDict(from_attributes=True, alias_generator=to_camel, populate_by_name=True)

    data: list[TransactionOut]
    next_cursor: str | None


def create_database(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False})
    Base.metadata.create_all(engine)
    return engine


class Cursors:
    """Positions (bookingDate, id), signed, so that one from another account is refused."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def encode(self, row: Transaction) -> str:
        position = f"{row.booking_date.isoformat()}~{row.id}".encode()
        return base64.urlsafe_b64encode(self._mac(row.account_id, position) + position).decode()

    def decode(self, cursor: str, *, account_id: str) -> tuple[date, str]:
        try:
            raw = base64.urlsafe_b64decode(cursor)
        except ValueError:
            raise HTTPException(400, "bad cursor") from None
        mac, position = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(account_id, position)):
            raise HTTPException(400, "bad cursor")
        day, _, transaction_id = position.decode().partition("~")
        return date.fromisoformat(day), transaction_id

    def _mac(self, account_id: str, position: bytes) -> bytes:
        return hmac.digest(self._key, account_id.encode() + b"\x1f" + position, "sha256")[:_MAC_BYTES]


class KeyCache:
    """Key hash → organisation, each remembered for 30 seconds."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, str]] = {}

    def get(self, key_hash: str) -> str | None:
        known = self._known.get(key_hash)
        return known[1] if known and time.monotonic() - known[0] < _KEY_CACHE_SECONDS else None

    def put(self, key_hash: str, organisation_id: str) -> None:
        self._known[key_hash] = (time.monotonic(), organisation_id)


sessions = sessionmaker[Session]()
cursors = Cursors(secrets.token_bytes(32))
keys = KeyCache()
router = APIRouter()


def open_session() -> Iterator[Session]:
    with sessions() as session:
        yield session


Database = Annotated[Session, Depends(open_session)]


def caller(session: Database, authorization: Annotated[str, Header()] = "") -> str:
    """The organisation whose key it is."""
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "apikey":
        raise HTTPException(401, "API key missing")
    key_hash = hashlib.sha256(key.encode()).hexdigest()
    known = keys.get(key_hash)
    if known is not None:
        return known
    found = session.get(ApiKey, key_hash)
    if found is None or found.revoked:
        raise HTTPException(401, "API key unknown")
    keys.put(key_hash, found.organisation_id)
    return found.organisation_id


@router.get("/v1/accounts/{account_id}/transactions", response_model=TransactionPage)
def list_transactions(
    account_id: str,
    session: Database,
    organisation_id: Annotated[str, Depends(caller)],
    date_from: Annotated[date | None, Query(alias="dateFrom")] = None,
    date_to: Annotated[date | None, Query(alias="dateTo")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: str | None = None,
    status: Literal["booked", "pending"] = "booked",
) -> object:
    account = session.get(Account, account_id)
    if account is None or account.organisation_id != organisation_id:
        raise HTTPException(404, "no such account")
    if account.status != "active" or account.expires_at <= datetime.now(UTC).replace(tzinfo=None):
        raise HTTPException(403, "consent ended")
    query = select(Transaction).where(Transaction.account_id == account_id, Transaction.status == status)
    if date_from is not None:
        query = query.where(Transaction.booking_date >= date_from)
    if date_to is not None:
        query = query.where(Transaction.booking_date <= date_to)
    if cursor is not None:
        position = cursors.decode(cursor, account_id=account_id)
        query = query.where(tuple_(Transaction.booking_date, Transaction.id) < position)
    query = query.order_by(Transaction.booking_date.desc(), Transaction.id.desc()).limit(limit + 1)
    rows = session.scalars(query).all()
    has_more = len(rows) > limit
    rows = rows[:limit]
    return {"data": rows, "next_cursor": cursors.encode(rows[-1]) if has_more else None}


def create_app() -> FastAPI:
    sessions.configure(bind=create_database(Path(os.environ["RIVAL_SQLITE"])))
    app = FastAPI()
    app.include_router(router)
    return app
