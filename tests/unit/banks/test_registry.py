from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from shared.banks import registry
from shared.domain.errors import BankConfigurationError, Invalid
from shared.settings import BankSettings

BANK_IDS = ("erste-hr", "intesa-rs", "nlb-si", "raiffeisen-ba")
SETTINGS = BankSettings(
    sandbox_bank_url="http://127.0.0.1:9999",
    client_credentials=dict.fromkeys(BANK_IDS, ("tok", "client-secret")),
    timeout_seconds=20.0,
)


def test_the_sandbox_has_its_banks() -> None:
    banks = registry.catalogue(SETTINGS, "sandbox")
    assert tuple(bank.id for bank in banks) == BANK_IDS
    assert {bank.country for bank in banks} == {"HR", "RS", "SI", "BA"}
    assert banks[0].logo_url == "http://127.0.0.1:9999/erste-hr/logo.svg"
    assert msgspec.to_builtins(banks[0])["historyDays"] == 730


def test_live_has_only_banks_with_a_live_address() -> None:
    assert registry.catalogue(SETTINGS, "live") == ()
    with pytest.raises(Invalid, match="bankId"):
        registry.connector("erste-hr", settings=SETTINGS, environment="live")


def test_the_catalogue_loads_no_client() -> None:
    """GET /v1/banks starts cold with what this imports."""
    script = (
        "import sys; from shared.banks.registry import catalogue;"
        "print([name for name in sys.modules if name.partition('.')[0] in ('httpx', 'authlib', 'cryptography')])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == "[]"


@pytest.mark.parametrize("bank_id", BANK_IDS)
def test_every_bank_has_a_connector_that_is_kept(bank_id: str) -> None:
    first = registry.connector(bank_id, settings=SETTINGS, environment="sandbox")
    assert first.bank_id == bank_id
    assert registry.connector(bank_id, settings=SETTINGS, environment="sandbox") is first


def test_other_credentials_are_another_connector() -> None:
    other = msgspec.structs.replace(SETTINGS, client_credentials={"erste-hr": ("tok", "another")})
    first = registry.connector("erste-hr", settings=SETTINGS, environment="sandbox")
    assert registry.connector("erste-hr", settings=other, environment="sandbox") is not first


@pytest.mark.parametrize("bank_id", ["no-such-bank", "", "../erste-hr", "ERSTE-HR"])
def test_an_unknown_bank(bank_id: str) -> None:
    with pytest.raises(Invalid) as raised:
        registry.connector(bank_id, settings=SETTINGS, environment="sandbox")
    assert raised.value.field == "bankId"


def test_a_bank_without_credentials_is_for_operations() -> None:
    bare = msgspec.structs.replace(SETTINGS, client_credentials={})
    with pytest.raises(BankConfigurationError):
        registry.connector("erste-hr", settings=bare, environment="sandbox")


def test_the_use_cases_banks() -> None:
    banks = registry.RegisteredBanks(SETTINGS, "sandbox")
    rules = banks.rules("raiffeisen-ba")
    assert (rules.country, rules.consent_days, str(rules.time_zone)) == ("BA", 90, "Europe/Sarajevo")
    assert banks.connector("raiffeisen-ba").bank_id == "raiffeisen-ba"
    with pytest.raises(Invalid):
        banks.rules("no-such-bank")


@pytest.mark.parametrize("module", registry._MODULES, ids=BANK_IDS)
def test_profiles_are_plausible(module: registry.BankModule) -> None:
    profile = module.PROFILE
    assert len(profile.bic) in (8, 11)
    assert profile.bic[4:6] == profile.country
    assert 1 <= profile.unattended_reads_per_day <= 4
    assert profile.consent_days in (90, 180)
    assert profile.base_urls.keys() == profile.issuers.keys()
    assert "{consent}" in profile.scope_template
    assert ("pending" in profile.booking_statuses) == ("pending_transactions" in profile.features)


def test_another_offset_is_another_connector() -> None:
    first = registry.connector("erste-hr", settings=SETTINGS, environment="sandbox")
    ahead = [
        registry.connector(
            "erste-hr", settings=SETTINGS, environment="sandbox", clock_offset_seconds=offset_seconds
        )
        for offset_seconds in (86_400, 86_400, 86_401)
    ]
    assert ahead[0] is ahead[1]
    assert len({id(each) for each in (first, *ahead)}) == 3


def test_no_bank_in_live_hears_of_a_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    known = msgspec.structs.replace(
        registry.profile("erste-hr", "sandbox"),
        base_urls={"live": "https://bank.example"},
        issuers={"live": "https://bank.example"},
    )
    monkeypatch.setattr(registry, "profile", lambda *_: known)
    monkeypatch.setattr(registry, "_connector", lambda *arguments: given.append(arguments[-1]))
    registry.connector("erste-hr", settings=SETTINGS, environment="live", clock_offset_seconds=86_400)
    assert given == [0]
