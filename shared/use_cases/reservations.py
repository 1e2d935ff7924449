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
    """An attended read spends nothing, and going on with a list that was begun is no new read.

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
        self.allowed: set[str] = set()
        self._records: dict[str, AccountRecord] = {}
        self._versions: dict[str, Version] = {}
        self._refused_until: list[datetime] = []
        self.list_reads = consent.reads
        self._list_reads_before = consent.reads
        self.may_list = True
        if not progress.accounts and not is_attended:
            reads = budgets.reserve(consent.reads, limit=self._limit, at=at)
            self.may_list = reads is not None
            self.list_reads = consent.reads if reads is None else reads

    def take(self, accounts: Mapping[str, StoredAccount]) -> list[AccountWrite]:
        """What to write so that these may be read."""
        writes = []
        for name, stored in accounts.items():
            if self._is_attended or (self._progress.account_id == name and self._progress.parts):
                self.allowed.add(name)
                continue
            reserved = reserve_read(stored.record, at=self._at)
            if reserved is None:
                self._refused_until.append(refresh_free_at(stored.record, at=self._at))
                continue
            self.allowed.add(name)
            self._records[name] = reserved
            writes.append(AccountWrite(record=reserved, version=stored.version))
        return writes

    def create(self, record: AccountRecord) -> AccountRecord:
        """A new account's record, with its first read reserved."""
        self.allowed.add(record.id)
        if self._is_attended:
            return record
        self._records[record.id] = reserve_read(record, at=self._at) or record
        return self._records[record.id]

    def again(self, account_id: str, *, at: datetime) -> list[AccountWrite] | None:
        """What to write so that the account may be asked once more; None when nothing is left for that."""
        if self._is_attended:
            return []
        record = self._records.get(account_id)
        reserved = None if record is None else reserve_read(record, at=at)
        if reserved is None:
            return None
        self._records[account_id] = reserved
        return [AccountWrite(record=reserved, version=self._versions[account_id])]

    def written(self, versions: Mapping[str, Version]) -> None:
        self._versions |= {name: version for name, version in versions.items() if name in self._records}

    def free_at(self, consent: Consent) -> datetime:
        """When something of what is refused now will be allowed."""
        if not self.may_list:
            return budgets.free_at(consent.reads, limit=self._limit, at=self._at)
        return min(self._refused_until, default=self._at)

    def given_back(self, *, begun: Iterable[str]) -> list[AccountWrite]:
        """Without the reservations of accounts that were not begun."""
        kept = set(begun)
        return [
            AccountWrite(record=self._without(record), version=self._versions[name])
            for name, record in self._records.items()
            if name not in kept and name in self._versions
        ]

    def list_reads_given_back(self, consent: Consent) -> Consent:
        return msgspec.structs.replace(consent, reads=self._list_reads_before)

    def limited(self, account_id: str, *, until: datetime) -> list[AccountWrite]:
        """The bank said 429 for this account: no unattended read before `until`."""
        record = self._records.get(account_id)
        if record is None or account_id not in self._versions:
            return []
        limited = msgspec.structs.replace(record, limited_until=until)
        return [AccountWrite(record=limited, version=self._versions[account_id])]

    def _without(self, record: AccountRecord) -> AccountRecord:
        reads = list(record.reads)
        if self._at in reads:
            reads.remove(self._at)
        return msgspec.structs.replace(record, reads=tuple(reads))
