"""Every bank that Tok knows. A new bank is one file beside this one, and one line here.

Profiles are data and cheap to load; a connector with its HTTP client is imported and made when it is asked for.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

from shared.banks import erste_hr, intesa_rs, nlb_si, raiffeisen_ba
from shared.banks.profile import BankProfile, BankSetup
from shared.domain.banks import Bank
from shared.domain.clock import Clock, OffsetClock, SystemClock
from shared.domain.errors import BankConfigurationError, Invalid
from shared.settings import BankSettings, Environment
from shared.use_cases.ports import BankRules

if TYPE_CHECKING:
    import httpx

    from shared.banks.connector import BankConnector


class BankModule(Protocol):
    """What a bank's file holds."""

    @property
    def PROFILE(self) -> BankProfile: ...  # noqa: N802 - a module's constant

    def connector(
        self, setup: BankSetup, *, clock: Clock, transport: httpx.BaseTransport | None = None
    ) -> BankConnector: ...


_MODULES: tuple[BankModule, ...] = (
    erste_hr,
    intesa_rs,
    nlb_si,
    raiffeisen_ba,
)
_BY_ID = {module.PROFILE.id: module for module in _MODULES}
_SYSTEM_CLOCK = SystemClock()


def catalogue(settings: BankSettings, environment: Environment) -> tuple[Bank, ...]:
    """The banks that an organisation can connect: in live, those where we are registered."""
    return tuple(
        _listed(profile, settings)
        for profile in (module.PROFILE for module in _MODULES)
        if environment in profile.base_urls
        and (environment == "sandbox" or profile.id in settings.client_credentials)
    )


def profile(bank_id: str, environment: Environment) -> BankProfile:
    """Raises Invalid("bankId") for a bank that this environment does not have."""
    module = _BY_ID.get(bank_id)
    if module is None or environment not in module.PROFILE.base_urls:
        raise Invalid("bankId", "no such bank; GET /v1/banks lists them")
    return module.PROFILE


def connector(
    bank_id: str,
    *,
    settings: BankSettings,
    environment: Environment,
    clock: Clock = _SYSTEM_CLOCK,
    clock_offset_seconds: int = 0,
) -> BankConnector:
    """One per process, bank and offset of the sandbox's clock, so that connections are kept.

    Raises Invalid("bankId") as `profile` does, and BankConfigurationError where we have no credentials.
    """
    known = profile(bank_id, environment)
    credentials = settings.client_credentials.get(bank_id)
    if credentials is None:
        raise BankConfigurationError(bank_id, "No client credentials are set for this bank.")
    return _connector(
        bank_id,
        _address(known.base_urls[environment], settings),
        _address(known.issuers[environment], settings),
        credentials,
        settings.timeout_seconds,
        clock,  # type: ignore[arg-type]  # hashable as any object is; the Protocol cannot say so
        clock_offset_seconds if environment == "sandbox" else 0,
    )


class RegisteredBanks:
    """The use cases' Banks, in one environment."""

    def __init__(
        self, settings: BankSettings, environment: Environment, *, clock: Clock = _SYSTEM_CLOCK
    ) -> None:
        self._settings = settings
        self._environment = environment
        self._clock = clock

    def connector(self, bank_id: str, *, clock_offset_seconds: int = 0) -> BankConnector:
        return connector(
            bank_id,
            settings=self._settings,
            environment=self._environment,
            clock=self._clock,
            clock_offset_seconds=clock_offset_seconds,
        )

    def rules(self, bank_id: str) -> BankRules:
        known = profile(bank_id, self._environment)
        return BankRules(
            name=known.name,
            country=known.country,
            time_zone=ZoneInfo(known.time_zone),
            history_days=known.history_days,
            consent_days=known.consent_days,
            unattended_reads_per_day=known.unattended_reads_per_day,
        )


@lru_cache(maxsize=256)
def _connector(
    bank_id: str,
    base_url: str,
    issuer: str,
    credentials: tuple[str, str],
    timeout_seconds: float,
    clock: Clock,
    clock_offset_seconds: int,
) -> BankConnector:
    client_id, client_secret = credentials
    module = _BY_ID[bank_id]
    setup = BankSetup(
        profile=module.PROFILE,
        base_url=base_url,
        issuer=issuer,
        client_id=client_id,
        client_secret=client_secret,
        timeout_seconds=timeout_seconds,
        clock_offset_seconds=clock_offset_seconds,
    )
    return module.connector(setup, clock=OffsetClock(clock, clock_offset_seconds))


def _address(template: str, settings: BankSettings) -> str:
    return template.format(sandbox=settings.sandbox_bank_url)


def _listed(known: BankProfile, settings: BankSettings) -> Bank:
    return Bank(
        id=known.id,
        name=known.name,
        country=known.country,
        bic=known.bic,
        logo_url=f"{settings.sandbox_bank_url}/{known.id}/logo.svg",
        features=known.features,
        history_days=known.history_days,
        consent_days=known.consent_days,
        unattended_reads_per_day=known.unattended_reads_per_day,
    )
