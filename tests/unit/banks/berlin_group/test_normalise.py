"""A bank's entry → BankTransaction, rule by rule. The numbers are those of the deviations that banks show."""

from __future__ import annotations

import copy
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.banks.berlin_group.normalise import transaction
from shared.domain.bank_data import BankTransaction, BookingStatus
from shared.domain.errors import BankUnavailable
from tests.unit.banks.scripted_bank import ACCOUNT, PROFILE

OTHER = "DE67100100101306118605"
PLAIN: dict[str, Any] = {
    "transactionId": "1234567",
    "creditorName": "John Miles",
    "creditorAccount": {"iban": OTHER},
    "transactionAmount": {"currency": "EUR", "amount": "-256.67"},
    "bookingDate": "2026-10-25",
    "valueDate": "2026-10-26",
    "remittanceInformationUnstructured": "Example 1",
}


def read(changes: dict[str, Any], *, status: BookingStatus = "booked", **rules: Any) -> BankTransaction:
    """PLAIN with changes; a value of None takes the field out."""
    entry = {name: value for name, value in {**PLAIN, **changes}.items() if value is not None}
    return transaction(
        entry, profile=msgspec.structs.replace(PROFILE, **rules), account=ACCOUNT, status=status
    )


def amount(text: Any, currency: str = "EUR") -> dict[str, Any]:
    return {"transactionAmount": {"currency": currency, "amount": text}}


NO_PARTY = {"creditorName": None, "creditorAccount": None}
DEBTOR = {**NO_PARTY, "debtorName": "Paul Simpson", "debtorAccount": {"iban": OTHER}}


def test_a_plain_entry() -> None:
    found = read({"entryReference": "E-1", "endToEndId": "INV-7"})
    assert found == BankTransaction(
        status="booked",
        external_id="1234567",
        entry_reference="E-1",
        end_to_end_id="INV-7",
        booking_date=date(2026, 10, 25),
        value_date=date(2026, 10, 26),
        amount=Decimal("256.67"),
        currency="EUR",
        direction="outbound",
        creditor_name="John Miles",
        creditor_iban=OTHER,
        debtor_name=None,
        debtor_iban=ACCOUNT.iban,
        remittance_info="Example 1",
        raw_hash=found.raw_hash,
    )


def test_an_inbound_entry_names_our_account_as_creditor() -> None:
    found = read({**DEBTOR, **amount("343.01")})
    assert (found.direction, found.creditor_iban, found.debtor_iban) == ("inbound", ACCOUNT.iban, OTHER)
    assert (found.creditor_name, found.debtor_name) == (None, "Paul Simpson")


# 1: ids


@pytest.mark.parametrize("blank", [None, "", " ", "NOTPROVIDED", "notProvided", "N/A"])
def test_1_an_id_that_is_none(blank: str | None) -> None:
    found = read({"transactionId": blank, "entryReference": blank, "endToEndId": blank})
    assert (found.external_id, found.entry_reference, found.end_to_end_id) == (None, None, None)


def test_1_a_profile_names_where_the_id_is() -> None:
    entry = {"transactionId": " ", "entryReference": "E-9"}
    assert read(entry).external_id is None
    assert read(entry, id_fields=("transactionId", "entryReference")).external_id == "E-9"
    assert read({"entryReference": "E-9"}, id_fields=("entryReference",)).external_id == "E-9"


def test_1_a_profile_distrusts_positional_ids() -> None:
    found = read({"transactionId": "1", "entryReference": "E-9"}, id_fields=())
    assert (found.external_id, found.entry_reference) == (None, "E-9")


def test_1_the_balance_after_is_kept_to_tell_twins_apart() -> None:
    def after(balance: str) -> BankTransaction:
        money = {"balanceAmount": {"currency": "EUR", "amount": balance}, "balanceType": "interimBooked"}
        return read({"transactionId": None, "balanceAfterTransaction": money})

    first, second = after("-10.00"), after("-266.67")
    assert first.balance_after == Decimal("-10.00")
    assert first.raw_hash != second.raw_hash


# 2: signs


def test_2_unsigned_amounts_and_a_creditor_are_outbound() -> None:
    assert read(amount("256.67"), sign_rule="unsigned").direction == "outbound"


def test_2_unsigned_amounts_and_a_debtor_are_inbound() -> None:
    assert read({**DEBTOR, **amount("343.01")}, sign_rule="unsigned").direction == "inbound"


def test_2_an_unsigned_bank_that_signs_one_entry_means_it() -> None:
    assert read({**DEBTOR, **amount("-100.03")}, sign_rule="unsigned").direction == "outbound"


@pytest.mark.parametrize(
    ("creditor", "debtor", "direction"),
    [(OTHER, ACCOUNT.iban, "outbound"), (ACCOUNT.iban, OTHER, "inbound"), (None, ACCOUNT.iban, "outbound")],
)
def test_2_unsigned_with_both_parties(creditor: str | None, debtor: str, direction: str) -> None:
    entry = {
        "creditorName": "A",
        "debtorName": "B",
        "creditorAccount": {"iban": creditor} if creditor else None,
        "debtorAccount": {"iban": debtor},
        **amount("1.00"),
    }
    assert read(entry, sign_rule="unsigned").direction == direction


@pytest.mark.parametrize(
    ("code", "direction"),
    [
        ("PMNT-ICDT-ESCT", "outbound"),
        ("PMNT-RDDT-ESDD", "outbound"),
        ("PMNT-CCRD-POSD", "outbound"),
        ("ACMT-MDOP-CHRG", "outbound"),
        ("PMNT-RCDT-ESCT", "inbound"),
    ],
)
def test_2_unsigned_without_a_party_is_told_by_its_code(code: str, direction: str) -> None:
    entry = {**NO_PARTY, "bankTransactionCode": code, **amount("3.00")}
    assert read(entry, sign_rule="unsigned").direction == direction


def test_2_a_direction_is_never_guessed() -> None:
    for hint in ({}, {"bankTransactionCode": "ACMT-MDOP-INTR"}, {"bankTransactionCode": "PMNT-ICDT-RCDT"}):
        with pytest.raises(BankUnavailable, match="direction"):
            read({**NO_PARTY, **hint, **amount("3.00")}, sign_rule="unsigned")


def test_2_pending_entries_without_the_minus() -> None:
    rules = {"sign_rule": "signed", "pending_sign_rule": "unsigned"}
    assert read(amount("100.03"), status="pending", **rules).direction == "outbound"
    assert read({**DEBTOR, **amount("100.03")}, status="pending", **rules).direction == "inbound"
    assert read(amount("100.03"), status="booked", **rules).direction == "inbound"


def test_2_inverted_signs() -> None:
    assert read({**DEBTOR, **amount("-5.00")}, sign_rule="inverted").direction == "inbound"
    assert read(amount("5.00"), sign_rule="inverted").direction == "outbound"


@pytest.mark.parametrize("text", ["0", "-0.00", "0.00"])
def test_zero_is_not_negative(text: str) -> None:
    assert not read(amount(text)).amount.is_signed()


# 3: dates


def test_3_without_a_booking_date_the_next_best_is_taken() -> None:
    assert read({"bookingDate": None}).booking_date == date(2026, 10, 26)
    assert read({"bookingDate": "0001-01-01"}).booking_date == date(2026, 10, 26)


def test_3_a_profile_names_where_the_booking_date_is() -> None:
    entry = {"bookingDate": None, "valueDate": "2026-12-24", "transactionDate": "2026-10-20"}
    fields = ("bookingDate", "transactionDate")
    assert read(entry, booking_date_fields=fields).booking_date == date(2026, 10, 20)


def test_3_booked_without_any_date_makes_no_sense() -> None:
    with pytest.raises(BankUnavailable, match="bookingDate"):
        read({"bookingDate": None, "valueDate": None})


def test_3_local_times_without_a_zone_keep_their_day() -> None:
    found = read({"bookingDate": "2026-10-25T23:59:00", "valueDate": "2026-10-25T23:30:00Z"})
    assert (found.booking_date, found.value_date) == (date(2026, 10, 25), date(2026, 10, 26))


def test_3_a_value_date_that_is_none() -> None:
    assert read({"valueDate": "9999-12-31"}).value_date is None
    assert read({"valueDate": "soon"}).value_date is None


# 4: remittance


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"remittanceInformationUnstructured": ["Račun 1", "", " za struju "]}, "Račun 1 za struju"),
        ({"remittanceInformationUnstructuredArray": ["Račun 1", "za struju"]}, "Račun 1 za struju"),
        ({"remittanceInformationUnstructuredArray": "Račun 1"}, "Račun 1"),
        ({"remittanceInformationStructured": "HR00 123-45"}, "HR00 123-45"),
        (
            {"remittanceInformationStructured": {"reference": "RF18 5390", "referenceType": "SCOR"}},
            "RF18 5390",
        ),
        ({"remittanceInformationStructuredArray": [{"reference": "A"}, {"reference": "B"}]}, "A B"),
        ({"remittanceInformationUnstructured": "NOTPROVIDED", "additionalInformation": "Kartica"}, "Kartica"),
        ({"remittanceInformationUnstructured": "x" * 140}, "x" * 140),
        ({"remittanceInformationUnstructured": {"text": "?"}}, None),
        ({"remittanceInformationUnstructured": [["nested"]]}, None),
        ({}, None),
    ],
)
def test_4_remittance_in_any_form(fields: dict[str, Any], kept: str | None) -> None:
    assert read({"remittanceInformationUnstructured": None, **fields}).remittance_info == kept


def test_4_a_payee_that_hides_in_another_field() -> None:
    entry = {**NO_PARTY, "additionalInformation": "KONZUM P-0123 ZAGREB"}
    assert read(entry).creditor_name is None
    assert read(entry, payee_fields=("additionalInformation",)).creditor_name == "KONZUM P-0123 ZAGREB"
    inbound = {**entry, **amount("5.00")}
    assert read(inbound, payee_fields=("additionalInformation",)).debtor_name == "KONZUM P-0123 ZAGREB"
    assert (
        read({"additionalInformation": "x"}, payee_fields=("additionalInformation",)).creditor_name
        == "John Miles"
    )


# 5: currencies


def test_5_a_foreign_amount_keeps_its_currency() -> None:
    found = read(amount("-100", "USD"))
    assert (found.amount, found.currency) == (Decimal(100), "USD")


# 6: pending


def test_6_pending_needs_no_date_and_takes_none_from_the_value_date() -> None:
    assert read({"bookingDate": None, "valueDate": None}, status="pending").booking_date is None
    assert read({"bookingDate": None}, status="pending").booking_date is None
    assert read({}, status="pending").booking_date == date(2026, 10, 25)


# what must be right, and what must not break


@pytest.mark.parametrize(
    "wrong",
    [
        {"transactionAmount": None},
        {"transactionAmount": "5.00 EUR"},
        {"transactionAmount": {"amount": "5.00"}},
        {"transactionAmount": {"currency": "EUR"}},
        amount("5,00"),
        amount(5.1),
        amount("5.00", "EURO"),
    ],
)
def test_an_amount_that_is_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(BankUnavailable, match="transactionAmount"):
        read(wrong)


def test_names_are_clean_and_whole() -> None:
    assert read({"creditorName": "C\u030cari\u0107\x00  d.o.o.\n"}).creditor_name == "Čarić d.o.o."


def test_a_domestic_number_is_no_iban() -> None:
    assert read({"creditorAccount": {"bban": "160-123456-78"}}).creditor_iban is None
    assert read({"creditorAccount": {"iban": "160-123456-78"}}).creditor_iban is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
MONEY = st.fixed_dictionaries(
    {},
    optional={
        "amount": st.from_regex(r"[+-]?[0-9]{1,17}([.,][0-9]{0,5})?", fullmatch=True) | JSON,
        "currency": st.sampled_from(["EUR", "RSD", "eur", "XXX", ""]) | JSON,
    },
)
PARTY = st.fixed_dictionaries(
    {}, optional={"iban": st.sampled_from([OTHER, ACCOUNT.iban, "x"]) | JSON, "bban": JSON}
)
DATES = st.dates().map(str) | st.datetimes().map(str) | JSON
ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "transactionId": JSON,
        "entryReference": JSON,
        "endToEndId": JSON,
        "creditorName": JSON,
        "debtorName": JSON,
        "creditorAccount": PARTY | JSON,
        "debtorAccount": PARTY | JSON,
        "transactionAmount": MONEY | JSON,
        "bookingDate": DATES,
        "valueDate": DATES,
        "remittanceInformationUnstructured": JSON,
        "remittanceInformationUnstructuredArray": JSON,
        "remittanceInformationStructured": JSON,
        "bankTransactionCode": st.sampled_from(["PMNT-RCDT-ESCT", "PMNT-ICDT"]) | JSON,
        "balanceAfterTransaction": st.fixed_dictionaries({"balanceAmount": MONEY}) | JSON,
        "additionalInformation": JSON,
    },
)


@settings(max_examples=200, deadline=None)
@given(
    entry=ENTRIES | JSON,
    status=st.sampled_from(["booked", "pending"]),
    sign_rule=st.sampled_from(["signed", "unsigned", "inverted"]),
)
def test_whatever_comes_it_is_a_transaction_or_the_banks_failure(
    entry: Any, status: Any, sign_rule: Any
) -> None:
    profile = msgspec.structs.replace(
        PROFILE,
        sign_rule=sign_rule,
        id_fields=("transactionId", "entryReference"),
        payee_fields=("additionalInformation",),
    )
    before = copy.deepcopy(entry)
    try:
        found = transaction(entry, profile=profile, account=ACCOUNT, status=status)
    except BankUnavailable:
        found = None
    assert repr(entry) == repr(before)
    if found is not None:
        assert found.amount >= 0
        assert found.amount.is_finite()
        assert status == "pending" or found.booking_date is not None
        assert all(
            text is None or text == text.strip() != "" for text in (found.external_id, found.remittance_info)
        )
        msgspec.json.encode(found)
