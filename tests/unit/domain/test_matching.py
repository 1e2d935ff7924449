"""The same transaction keeps its id; twins stay two; two runs choose the same ids."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import hypothesis.strategies as st
import msgspec
from hypothesis import given, settings

from shared.domain.bank_data import BankTransaction
from shared.domain.identities import Identity
from shared.domain.matching import Match, match

TODAY = date(2026, 11, 24)
ACCOUNT = "acc_01ARZ3NDEKTSV4RRFFQ69G5FAV"


def entry(**changes: Any) -> BankTransaction:
    fields: dict[str, Any] = {
        "status": "booked",
        "external_id": None,
        "entry_reference": None,
        "end_to_end_id": None,
        "booking_date": TODAY,
        "value_date": TODAY,
        "amount": Decimal("10.00"),
        "currency": "EUR",
        "direction": "outbound",
        "creditor_name": "Konzum",
        "creditor_iban": None,
        "debtor_name": None,
        "debtor_iban": None,
        "remittance_info": "Račun 1",
    } | changes
    fields.setdefault("raw_hash", repr(sorted((key, str(value)) for key, value in fields.items())))
    return BankTransaction(**fields)


def run(
    *entries: BankTransaction, known: list[Match] | None = None, pending: list[Match] | None = None
) -> list[Match]:
    return match(ACCOUNT, entries, known=identities(known), pending=identities(pending), seen_on=TODAY)


def identities(matches: list[Match] | None) -> list[Identity]:
    return [found.identity for found in matches or []]


def ids(matches: list[Match]) -> list[str]:
    return [found.identity.transaction_id for found in matches]


def test_genuine_twins_are_two_and_stay_two() -> None:
    first = run(entry(), entry())
    assert len(set(ids(first))) == 2
    again = run(entry(), entry(), known=first)
    assert ids(again) == ids(first)
    assert all(found.is_unchanged for found in again)


def test_a_third_twin_is_a_third() -> None:
    first = run(entry(), entry())
    again = run(entry(), entry(), entry(), known=first)
    assert set(ids(first)) < set(ids(again))
    assert len(set(ids(again))) == 3


def test_a_row_that_a_shifting_page_repeats_is_one() -> None:
    assert len(run(entry(external_id="7"), entry(external_id="7"))) == 1


def test_a_reused_id_with_other_content_is_another() -> None:
    first = run(entry(external_id="7"), entry(external_id="7", amount=Decimal("99")))
    assert len(set(ids(first))) == 2
    assert ids(run(entry(external_id="7", amount=Decimal("99")), known=first)) == [ids(first)[1]]


def test_a_correction_under_the_same_id_keeps_the_id_and_is_a_change() -> None:
    first = run(entry(external_id="7"))
    corrected = run(entry(external_id="7", remittance_info="Račun 2"), known=first)
    assert ids(corrected) == ids(first)
    assert not corrected[0].is_unchanged


def test_a_text_that_changes_without_any_id_is_a_correction() -> None:
    first = run(entry())
    assert ids(run(entry(remittance_info="RACUN 1 KARTICA"), known=first)) == ids(first)


def test_one_id_from_pending_to_booked_by_the_banks_id() -> None:
    waiting = run(entry(status="pending", external_id="7", booking_date=None))
    assert ids(run(entry(external_id="7"), pending=waiting)) == ids(waiting)


def test_one_id_from_pending_to_booked_when_id_text_and_date_change() -> None:
    waiting = run(entry(status="pending", booking_date=None, value_date=None, remittance_info="kartica"))
    booked = run(entry(external_id="9", booking_date=TODAY + timedelta(days=2)), pending=waiting)
    assert ids(booked) == ids(waiting)


def test_when_two_could_be_the_booked_one_neither_is_guessed() -> None:
    waiting = run(
        entry(status="pending", booking_date=None, remittance_info="a"),
        entry(status="pending", booking_date=None, remittance_info="b"),
    )
    booked = run(entry(external_id="9", remittance_info="c"), pending=waiting)
    assert not set(ids(booked)) & set(ids(waiting))


def shifted(*entries: BankTransaction) -> list[BankTransaction]:
    """With their places in the list for ids."""
    return [
        msgspec.structs.replace(told, external_id=str(place), raw_hash=f"{place}{told.raw_hash}")
        for place, told in enumerate(entries, 1)
    ]


def test_an_id_that_is_a_place_identifies_nothing() -> None:
    old = [entry(remittance_info=text) for text in "abc"]
    first = run(*shifted(*old))
    again = run(*shifted(entry(remittance_info="new"), *old), known=first)
    assert ids(again)[1:] == ids(first)
    assert ids(again)[0] not in ids(first)
    assert [found.transaction.external_id for found in again] == ["1", "1", "2", "3"], "shown as first seen"
    assert [found.identity.confidence for found in again] == ["exact", "high", "high", "high"]
    third = run(
        *shifted(entry(remittance_info="newer"), *(found.transaction for found in again)), known=again
    )
    assert ids(third)[1:] == ids(again)
    assert [found.is_unchanged for found in third[2:]] == [True] * 3


def test_content_under_another_id_is_believed_before_the_id() -> None:
    """One id for another entry, while the first one's content stands under a third: no correction."""
    first = run(entry(external_id="7", remittance_info="a"), entry(external_id="8", remittance_info="b"))
    again = run(
        entry(external_id="7", remittance_info="c"),
        entry(external_id="17", remittance_info="a"),
        entry(external_id="18", remittance_info="b"),
        known=first,
    )
    assert ids(again)[1:] == ids(first)
    assert again[0].known is None


def test_a_reused_id_does_not_overwrite_what_lies_before_the_window() -> None:
    first = run(entry(external_id="7", booking_date=TODAY - timedelta(days=11)))
    again = match(
        ACCOUNT,
        [entry(external_id="7", amount=Decimal("99"))],
        known=identities(first),
        since=TODAY - timedelta(days=10),
        seen_on=TODAY,
    )
    assert again[0].known is None


def test_confidence_says_how_the_id_was_kept_and_never_rises() -> None:
    waiting = run(entry(status="pending", booking_date=None, external_id="p"))
    by_id = run(entry(external_id="p"), pending=waiting)
    by_content = run(entry(external_id="b"), pending=waiting)
    by_outline = run(entry(external_id="b", remittance_info="other"), pending=waiting)
    assert [found[0].identity.confidence for found in (by_id, by_content, by_outline)] == [
        "exact",
        "high",
        "low",
    ]
    reread = run(entry(external_id="b", remittance_info="other"), known=by_outline)
    assert reread[0].is_unchanged
    corrected = run(entry(external_id="b", remittance_info="once more"), known=by_outline)
    assert corrected[0].identity.confidence == "low"


def test_an_amount_may_change_on_booking_under_the_same_id() -> None:
    waiting = run(entry(status="pending", booking_date=None, external_id="p"))
    booked = run(entry(external_id="p", amount=Decimal("12.00")), pending=waiting)
    assert ids(booked) == ids(waiting)


def test_a_row_that_comes_back_has_its_old_id() -> None:
    waiting = run(entry(status="pending", booking_date=None, external_id="p"))
    booked = run(entry(external_id="b"), pending=waiting)
    back = match(ACCOUNT, [entry(external_id="b")], known=[], gone=identities(booked), seen_on=TODAY)
    assert ids(back) == ids(waiting)
    other = match(
        ACCOUNT,
        [entry(external_id="b", amount=Decimal(5))],
        known=[],
        gone=identities(booked),
        seen_on=TODAY,
    )
    assert ids(other) != ids(waiting)


def test_twins_are_told_apart_by_the_balance_after_them() -> None:
    first = run(entry(balance_after=Decimal(90)), entry(balance_after=Decimal(80)))
    turned = run(entry(balance_after=Decimal(80)), entry(balance_after=Decimal(90)), known=first)
    assert ids(turned) == ids(first)[::-1]


entries = st.lists(
    st.builds(
        entry,
        external_id=st.sampled_from([None, "1", "2"]),
        entry_reference=st.sampled_from([None, "e1"]),
        amount=st.sampled_from([Decimal("1"), Decimal("2")]),
        remittance_info=st.sampled_from([None, "a"]),
        booking_date=st.sampled_from([TODAY, TODAY - timedelta(days=1)]),
    ),
    max_size=12,
)


@given(entries)
@settings(max_examples=300, deadline=None)
def test_ids_are_distinct_and_the_same_in_every_run(fetched: list[BankTransaction]) -> None:
    first = run(*fetched)
    assert len(set(ids(first))) == len(first)
    assert ids(run(*fetched)) == ids(first)


@given(entries)
@settings(max_examples=300, deadline=None)
def test_a_repeated_sync_changes_nothing(fetched: list[BankTransaction]) -> None:
    first = run(*fetched)
    again = run(*fetched, known=first)
    assert sorted(ids(again)) == sorted(ids(first))
    assert all(found.is_unchanged for found in again)


@given(entries, st.integers(0, 2**32))
@settings(max_examples=300, deadline=None)
def test_a_crash_after_any_part_was_written_ends_with_the_same_ids(
    fetched: list[BankTransaction], seed: int
) -> None:
    whole = run(*fetched)
    written = [found for found in whole if random.Random(seed).random() < 0.5 or len(whole) < 2]
    resumed = run(*fetched, known=written)
    assert sorted(ids(resumed)) == sorted(ids(whole))


@given(entries, st.integers(1, 5), st.booleans())
@settings(max_examples=200, deadline=None)
def test_places_for_ids_change_no_id_when_rows_come_before_or_after(
    fetched: list[BankTransaction], new: int, at_the_end: bool
) -> None:
    """Whatever the ids were, they are places now; the new ones are unlike the others."""
    old = [msgspec.structs.replace(told, external_id=None, entry_reference=None) for told in fetched]
    first = run(*shifted(*old))
    added = [entry(remittance_info=f"new {number}", amount=Decimal(50 + number)) for number in range(new)]
    again = run(*shifted(*((*old, *added) if at_the_end else (*added, *old))), known=first)
    kept = again[: len(old)] if at_the_end else again[new:]
    assert sorted(ids(kept)) == sorted(ids(first))
    assert len(set(ids(again))) == len(again)


def test_pending_twins_that_are_booked_with_other_ids_and_texts_stay_those_two() -> None:
    waiting = run(
        *(entry(status="pending", external_id=f"P{number}", booking_date=None) for number in range(2))
    )
    told = [entry(external_id=f"B{number}", remittance_info="Kartično plaćanje") for number in range(2)]
    assert set(ids(run(*told, pending=waiting))) == set(ids(waiting))
    first = run(told[0], pending=waiting)
    assert ids(first)[0] in ids(waiting), "one of them is booked before the other"


def test_what_differs_is_not_taken_for_twins() -> None:
    waiting = run(
        entry(status="pending", external_id="P1", booking_date=None),
        entry(status="pending", external_id="P2", booking_date=None, creditor_name="INA"),
    )
    told = [entry(external_id=f"B{number}", remittance_info="Kartično plaćanje") for number in range(2)]
    assert not set(ids(run(*told, pending=waiting))) & set(ids(waiting))


def test_a_twin_that_goes_as_another_comes_says_nothing_against_the_ids() -> None:
    """The ids are believed still: a pending row whose text changes as it is booked stays the one that it was."""
    known = run(*(entry(external_id=f"T{number}", remittance_info=f"R{number}") for number in range(4)))
    alike = [entry(status="pending", external_id=f"T1{number}", booking_date=None) for number in range(2)]
    waiting = run(*(msgspec.structs.replace(one, creditor_name=f"P{one.external_id}") for one in alike))
    stayed = [entry(external_id=f"T{number}", remittance_info=f"R{number}") for number in range(1, 4)]
    booked = [
        msgspec.structs.replace(
            one,
            status="booked",
            booking_date=TODAY,
            creditor_name=f"P{one.external_id}",
            remittance_info="Kupnja",
        )
        for one in alike
    ]
    twin = entry(external_id="T9", remittance_info="R0")
    found = run(*stayed, twin, *booked, known=known, pending=waiting)
    assert ids(found)[4:] == ids(waiting)


def test_a_twin_that_goes_as_one_that_was_pending_comes_says_nothing_against_the_ids() -> None:
    """It was told as pending under its own id; the bank lists for a while as pending what it has booked."""
    held = run(entry(external_id="T1"), entry(external_id="T2", amount=Decimal("2")))
    told = [entry(external_id="T3"), entry(external_id="T4", amount=Decimal("4"))]
    announced = [
        msgspec.structs.replace(one, status="pending", booking_date=None, remittance_info="REZERVACIJA")
        for one in told
    ]
    waiting = run(*announced)
    found = match(
        ACCOUNT,
        [entry(external_id="T2", amount=Decimal("2")), *told],
        known=identities(held),
        pending=identities(waiting),
        listed=set(ids(waiting)),
        others=announced,
        seen_on=TODAY,
    )
    assert ids(found)[2] == ids(waiting)[1]


def test_ids_that_are_new_with_every_read_are_not_believed() -> None:
    known = run(*(entry(external_id=f"A{number}", remittance_info=f"R{number}") for number in range(3)))
    again = [entry(external_id=f"B{number}", remittance_info=f"R{number}") for number in range(2)]
    corrected = entry(external_id="B2", remittance_info="R2 ispravak")
    assert ids(run(*again, corrected, known=known)) == ids(known)
