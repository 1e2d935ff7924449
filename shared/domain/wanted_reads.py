"""Reads out of turn: those that clients ask for, with the PSU present or out of the budget, and those that the budget
held back. Pure."""

from __future__ import annotations

from datetime import datetime

import msgspec

from shared.domain.consent_changes import ATTENDANCE, attendance_of
from shared.domain.consents import Asked, Consent, Progress


def asked_for(consent: Consent, *, account_id: str, at: datetime, psu_ip_address: str | None) -> Consent:
    """A client wants this account read now: the next sync does it, attended where the PSU's address is given.

    For the caller: a consent whose lease is held is being read now, and saving it would stop that read.
    """
    in_turn_at = consent.in_turn_at if consent.wanted else consent.next_sync_at
    attendance = attendance_of(psu_ip_address, at=at) or consent.attendance
    if consent.next_sync_at is not None and consent.next_sync_at <= at and not consent.wanted:
        return msgspec.structs.replace(consent, attendance=attendance)
    attended = dict.fromkeys(consent.wanted_attended)
    if psu_ip_address is None:
        attended.pop(account_id, None)
    elif account_id not in consent.wanted:
        attended[account_id] = None
    return msgspec.structs.replace(
        consent,
        wanted=tuple(dict.fromkeys((*consent.wanted, account_id))),
        wanted_attended=tuple(attended),
        in_turn_at=in_turn_at,
        next_sync_at=at,
        attendance=attendance,
    )


def wanted_when_free(consent: Consent, account_ids: tuple[str, ...], *, at: datetime) -> Consent:
    """After a sync that the budget let read all but these: they are read at `at`, unless their turn comes before."""
    in_turn_at = consent.next_sync_at
    if not account_ids or in_turn_at is None or at >= in_turn_at:
        return consent
    return msgspec.structs.replace(consent, wanted=account_ids, in_turn_at=in_turn_at, next_sync_at=at)


def is_being_read(consent: Consent, account_id: str, *, at: datetime, with_psu: bool) -> bool:
    """Whether the read under way, whose lease is held, is what somebody wants who asks now."""
    if consent.wanted and account_id not in consent.wanted:
        return False
    if not with_psu:
        return True
    done = consent.progress.done if consent.progress else ()
    return consent.attending_ip(at=at) is not None and account_id not in done


def asked_meanwhile(consent: Consent, asked: Asked) -> Consent:
    """For the next read. Of each account one with the PSU and one without, the latest."""

    def key(each: Asked) -> tuple[str, bool]:
        return each.account_id, each.psu_ip_address is None

    others = tuple(each for each in consent.asked if key(each) != key(asked))
    return msgspec.structs.replace(consent, asked=(*others, asked))


def taken_up(consent: Consent, *, at: datetime) -> Consent:
    """As it is for who claims it at `at`: what was asked for meanwhile is wanted now, and what was wanted with a PSU
    who has gone is wanted no more. The same object where there is neither."""
    taken = consent
    for asked in consent.asked:
        if asked.psu_ip_address is None or at < asked.at + ATTENDANCE:
            taken = asked_for(
                taken, account_id=asked.account_id, at=asked.at, psu_ip_address=asked.psu_ip_address
            )
            taken = msgspec.structs.replace(taken, progress=_again(taken.progress, asked.account_id))
    if consent.asked:
        taken = msgspec.structs.replace(taken, asked=())
    if not taken.wanted_attended or taken.attending_ip(at=at) is not None:
        return taken
    wanted = tuple(name for name in taken.wanted if name not in taken.wanted_attended)
    return msgspec.structs.replace(
        taken,
        wanted=wanted,
        wanted_attended=(),
        next_sync_at=taken.next_sync_at if wanted else taken.in_turn_at or at,
        in_turn_at=taken.in_turn_at if wanted else None,
    )


def _again(progress: Progress | None, account_id: str) -> Progress | None:
    if progress is None or account_id not in progress.done:
        return progress
    return msgspec.structs.replace(progress, done=tuple(name for name in progress.done if name != account_id))
