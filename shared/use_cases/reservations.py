"""Which reads of the bank this attempt may make, reserved before any is made (`domain.budgets`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from shared.domain import budgets
from shared.domain.accounts import AccountRecord, refresh_free_at, reserve_read
from shared.domain.consents import Consent, Progress
from shared.use_cases.ports import AccountWrite, BankRules, StoredAccount, Version


class Reservations:
    """An attended read spends nothing, and going on with a list that was begun is no new read: to the bank, asking for
    its first page is.

    An attempt that may have died after it called the bank has spent its reservation: the next one makes its own.
    What was surely not called is given back.
    """

    def __init__(
        self, consent: Consent, progress: Progress, *, rules: BankRules, is_attended: bool, at: datetime
    ) -> None:
        self._limit = rules.unattended_reads_per_day
        self._is_attended = is_attended
        self._progress = progress
        self._at = at
        self._allowed: dict[str, StoredAccount] = {}
        self._reserved: dict[str, AccountRecord] = {}
        """Of those that spend a read: as written, or to be written."""
        self._refused_until: dict[str, datetime] = {}
        self._list_reads_before = consent.reads
        self.list_reads = consent.reads
        self.may_list = True
        if not progress.accounts and not is_attended:
            reads = budgets.reserve(consent.reads, limit=self._limit, at=at)
            self.may_list = reads is not None
            self.list_reads = consent.reads if reads is None else reads

    @property
    def refused(self) -> tuple[str, ...]:
        """Those that may not be read now."""
        return tuple(self._refused_until)

    @property
    def allowed(self) -> Mapping[str, StoredAccount]:
        """Those that may be read, as last known."""
        return self._allowed

    def take(self, accounts: Mapping[str, StoredAccount]) -> list[AccountWrite]:
        """What to write so that as many of these as possible may be read."""
        writes = []
        for name, stored in accounts.items():
            goes_on = self._progress.account_id == name and self._progress.next_page is not None
            if not self._is_attended and not goes_on:
                reserved = reserve_read(stored.record, at=self._at)
                if reserved is None:
                    self._refused_until[name] = refresh_free_at(stored.record, at=self._at)
                    continue
                self._reserved[name] = reserved
                writes.append(AccountWrite(record=reserved, version=stored.version))
            self._allowed[name] = stored
        return writes

    def create(self, record: AccountRecord) -> AccountRecord:
        """A new account's record, with its first read reserved."""
        if self._is_attended:
            self._reserved[record.id] = record
            return record
        self._reserved[record.id] = reserve_read(record, at=self._at) or record
        return self._reserved[record.id]

    def again(self, account_id: str, *, at: datetime) -> list[AccountWrite] | None:
        """What to write so that the account may be asked once more; None when nothing is left for that."""
        if self._is_attended:
            return []
        stored = self._allowed[account_id]
        reserved = reserve_read(stored.record, at=at)
        if reserved is None:
            return None
        self._reserved[account_id] = reserved
        return [AccountWrite(record=reserved, version=stored.version)]

    def written(self, versions: Mapping[str, Version]) -> None:
        for name, version in versions.items():
            self._allowed[name] = StoredAccount(record=self._reserved[name], version=version)

    def free_at(self, consent: Consent) -> datetime:
        """When something of what is refused now will be allowed."""
        if not self.may_list:
            return budgets.free_at(consent.reads, limit=self._limit, at=self._at)
        return min(self._refused_until.values(), default=self._at)

    def given_back(self, *, begun: Iterable[str]) -> list[AccountWrite]:
        """Without the reservations of accounts that were not begun."""
        kept = set(begun)
        return [
            AccountWrite(record=self._without(stored.record), version=stored.version)
            for name, stored in self._allowed.items()
            if name in self._reserved and name not in kept and self._at in stored.record.reads
        ]

    def list_reads_given_back(self, consent: Consent) -> Consent:
        return msgspec.structs.replace(consent, reads=self._list_reads_before)

    def limited(self, account_id: str, *, until: datetime) -> list[AccountWrite]:
        """The bank said 429 for this account: no unattended read before `until`."""
        stored = self._allowed[account_id]
        limited = msgspec.structs.replace(stored.record, limited_until=until)
        return [AccountWrite(record=limited, version=stored.version)]

    def _without(self, record: AccountRecord) -> AccountRecord:
        reads = list(record.reads)
        reads.remove(self._at)
        return msgspec.structs.replace(record, reads=tuple(reads))
