"""Where two workers may pass each other: google-cloud-testutils' `orchestrate` finds these marks and tries every order.

Wrappers around what the use cases call, so that the product's code carries no marks. Only single lines are marked:
the thread pauses after the line, so a pause before a call is a line of its own.
"""

# The pause must come between a call and what follows it.
# ruff: noqa: RET504

from __future__ import annotations

from typing import Any


class SteppedConsents:
    """ConsentStore with a pause on either side of reading and of writing the consent."""

    def __init__(self, consents: Any) -> None:
        self._consents = consents

    def find(self, *args: Any, **options: Any) -> Any:
        found = self._consents.find(*args, **options)  # pragma: SYNCPOINT lease
        return found

    def save(self, *args: Any, **options: Any) -> Any:
        saved = self._consents.save(*args, **options)  # pragma: SYNCPOINT lease
        return saved

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consents, name)


class SteppedTokens:
    """ConsentStore with a pause after the tokens are read and after new ones are written."""

    def __init__(self, consents: Any) -> None:
        self._consents = consents

    def sealed_tokens(self, *args: Any, **options: Any) -> Any:
        sealed = self._consents.sealed_tokens(*args, **options)  # pragma: SYNCPOINT refresh
        return sealed

    def save(self, *args: Any, **options: Any) -> Any:
        if options.get("tokens") is None:
            return self._consents.save(*args, **options)
        saved = self._consents.save(*args, **options)  # pragma: SYNCPOINT refresh
        return saved

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consents, name)


class SteppedBank:
    """A bank with a pause before and after its tokens are refreshed."""

    def __init__(self, bank: Any) -> None:
        self._bank = bank

    def connector(self, bank_id: str, *, clock_offset_seconds: int = 0) -> Any:
        self._bank.connector(bank_id)
        return self

    def refresh(self, *, refresh_token: str) -> Any:
        pass  # pragma: SYNCPOINT refresh
        fresh = self._bank.refresh(refresh_token=refresh_token)  # pragma: SYNCPOINT refresh
        return fresh

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bank, name)
