"""What use cases need of the world outside. Adapters in shared.gcp and shared.banks implement these.

Every call that touches bank data names its organisation. A `version` is what a store gave with a document;
a write that names one raises StaleWrite when the document has changed since.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

import msgspec

from shared.domain.accounts import AccountHead, AccountRecord
from shared.domain.bank_data import BankTokens
from shared.domain.consents import Consent, ConsentHistoryEntry
from shared.domain.oauth_states import OAuthState
from shared.domain.pages import GoneRow, Page

if TYPE_CHECKING:
    from shared.banks.connector import BankConnector

Version = object


class SealedTokens(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Tokens as they are stored: a data key wrapped by KMS, and what it encrypts."""

    format: int
    wrapped_key: bytes
    nonce: bytes
    ciphertext: bytes


class StoredConsent(msgspec.Struct, frozen=True, kw_only=True):
    consent: Consent
    version: Version


class DueConsent(msgspec.Struct, frozen=True, kw_only=True):
    organisation_id: str
    consent_id: str
    due_at: datetime
    """By the wall clock."""


class StoredAccount(msgspec.Struct, frozen=True, kw_only=True):
    record: AccountRecord
    version: Version


class AccountWrite(msgspec.Struct, frozen=True, kw_only=True):
    record: AccountRecord
    version: Version | None
    """None creates it."""
    head: AccountHead | None = None
    """None leaves it as it is."""


class PageWrite(msgspec.Struct, frozen=True, kw_only=True):
    page: Page
    version: Version | None
    """None creates it."""


class BookWrites(msgspec.Struct, frozen=True, kw_only=True):
    """What one commit changes in an account's books, beside the account itself."""

    account_id: str
    pages: tuple[PageWrite, ...] = ()
    pending: Page | None = None
    """None leaves it as it is."""
    gone: tuple[GoneRow, ...] | None = None
    """None leaves them as they are."""
    changes: bytes = b""
    """For the feed, as document `changes_number`; empty when there are none."""
    changes_number: int = 0


class AccountBooks(msgspec.Struct, frozen=True, kw_only=True):
    """An account's newest pages, ascending, from the one that holds some day up to the newest, and the rest."""

    pages: tuple[Page, ...]
    versions: dict[str, Version]
    """By the page's `lower`."""
    pending: Page | None
    gone: tuple[GoneRow, ...]


class BankRules(msgspec.Struct, frozen=True, kw_only=True):
    """What use cases must know of a bank beside how to talk to it."""

    name: str
    country: str
    time_zone: ZoneInfo
    history_days: int
    consent_days: int
    unattended_reads_per_day: int


class Banks(Protocol):
    def connector(self, bank_id: str, *, clock_offset_seconds: int = 0) -> BankConnector:
        """Raises Invalid("bankId") for a bank that there is not. The offset is the organisation's, in the sandbox."""
        ...

    def rules(self, bank_id: str) -> BankRules: ...


class TokenVault(Protocol):
    def seal(self, tokens: BankTokens, *, organisation_id: str, consent_id: str) -> SealedTokens: ...

    def open(self, sealed: SealedTokens, *, organisation_id: str, consent_id: str) -> BankTokens: ...


class OAuthStates(Protocol):
    def create(self, state_hash: str, state: OAuthState) -> None: ...

    def find(self, state_hash: str) -> OAuthState | None: ...

    def use(self, state_hash: str, *, at: datetime) -> bool:
        """True for exactly one caller, however many come at once."""
        ...


class Consents(Protocol):
    def create(self, consent: Consent) -> None:
        """With the first entry of its history. Creating the same id again changes nothing."""
        ...

    def find(self, organisation_id: str, consent_id: str) -> StoredConsent | None: ...

    def list(self, organisation_id: str, *, limit: int, before: str | None) -> list[Consent]:
        """Newest first, `before` an id."""
        ...

    def save(
        self,
        consent: Consent,
        *,
        replacing: StoredConsent,
        tokens: SealedTokens | None = None,
        at: datetime,
    ) -> StoredConsent:
        """One commit: the consent, its tokens if given, where its revision changed the entry in its history, and
        what its accounts show of it. Tokens of a consent that has ended are destroyed."""
        ...

    def history(
        self, organisation_id: str, consent_id: str, *, limit: int, before: int | None
    ) -> Sequence[ConsentHistoryEntry]:
        """Newest first, `before` a revision."""
        ...

    def sealed_tokens(self, organisation_id: str, consent_id: str) -> SealedTokens | None: ...

    def due(self, *, shard: int, at: datetime, page_size: int) -> Iterator[DueConsent]:
        """Every organisation's consents of this shard that time has come for, oldest first, read page by page."""
        ...


class Committed(msgspec.Struct, frozen=True, kw_only=True):
    consent: StoredConsent
    account_versions: dict[str, Version]
    """Of the accounts just written, by id."""
    page_versions: dict[str, Version]
    """Of the pages just written, by `lower`."""


class SyncStore(Protocol):
    """What a worker that holds a consent's lease reads and writes."""

    def accounts(self, organisation_id: str, account_ids: Sequence[str]) -> dict[str, StoredAccount]:
        """Those that there are, by id."""
        ...

    def books(self, organisation_id: str, account_id: str, *, since: date) -> AccountBooks: ...

    def reading(self, organisation_id: str, consent_id: str, *, parts: int) -> list[bytes]:
        """What earlier attempts kept of an unfinished read, in order."""
        ...

    def commit(
        self,
        consent: Consent,
        *,
        replacing: StoredConsent,
        accounts: Sequence[AccountWrite] = (),
        books: BookWrites | None = None,
        parts: Sequence[bytes] = (),
    ) -> Committed:
        """All of it or nothing, and nothing when the consent, and so the lease, or one of the rest has changed since.

        A commit whose answer was lost is recognised as made. `parts` become the last of the reading's parts that
        the consent's progress counts; parts that it no longer counts are deleted.
        """
        ...


class SyncTask(msgspec.Struct, frozen=True, kw_only=True):
    organisation_id: str
    consent_id: str
    window: str
    not_before: datetime


class SyncTasks(Protocol):
    def enqueue(self, organisation_id: str, consent_id: str, *, window: str, not_before: datetime) -> None:
        """One task per consent and window, however often it is asked for."""
        ...

    def enqueue_many(self, tasks: Sequence[SyncTask]) -> None:
        """As `enqueue`, a hundred at most. Raises when one of them could not be enqueued; the others may be."""
        ...


class ShardTasks(Protocol):
    def enqueue_shard(self, shard: int, *, scheduled_at: datetime, not_before: datetime) -> None:
        """One task per shard and tick, however often it is asked for."""
        ...
