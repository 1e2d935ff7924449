"""What can go wrong, in the domain's words. `shared.http.errors` maps each to a status and a code."""

from __future__ import annotations

from datetime import datetime


class TokError(Exception):
    """Base of every error that a client may be told of. `message` is safe to show."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidApiKey(TokError):
    pass


class InvalidToken(TokError):
    """A user's token that is missing or does not count. Never says which check failed beyond what helps its owner."""


class Forbidden(TokError):
    pass


class NotFound(TokError):
    """Also what belongs to another organisation."""


class Conflict(TokError):
    pass


class IdempotencyKeyReused(TokError):
    pass


class PayloadTooLarge(TokError):
    pass


class UnsupportedMediaType(TokError):
    pass


class MethodNotAllowed(TokError):
    def __init__(self, message: str, *, allowed: tuple[str, ...]) -> None:
        super().__init__(message)
        self.allowed = allowed


class Invalid(TokError):
    """Input that cannot be accepted: `field` names it as the client wrote it, `reason` says what to do."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason


class InvalidCursor(TokError):
    pass


class RateLimited(TokError):
    def __init__(self, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ConsentPending(TokError):
    pass


class ConsentExpired(TokError):
    pass


class ConsentRevoked(TokError):
    pass


class RefreshLimitReached(TokError):
    """The bank allows no more unattended reads for now."""

    def __init__(self, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class BankError(TokError):
    """A bank did not do what was asked. Never carries the bank's payload: it may hold personal data."""

    def __init__(self, bank_id: str, message: str) -> None:
        super().__init__(message)
        self.bank_id = bank_id


class BankUnavailable(BankError):
    """Out of reach, 5xx, or an answer that makes no sense. May be tried again.

    `retry_at` is the bank's own word where it gave one.
    """

    def __init__(self, bank_id: str, message: str, *, retry_at: datetime | None = None) -> None:
        super().__init__(bank_id, message)
        self.retry_at = retry_at


class BankLeftAlone(BankUnavailable):
    """It has failed so often that it is not asked for now."""

    def __init__(self, bank_id: str, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(bank_id, message)
        self.retry_after_seconds = retry_after_seconds


class BankTimeout(BankError):
    """No answer in time: the outcome is unknown."""


class BankRateLimited(BankError):
    """429 ACCESS_EXCEEDED. `retry_at` is the bank's own word where it gave one."""

    def __init__(self, bank_id: str, message: str, *, retry_at: datetime | None = None) -> None:
        super().__init__(bank_id, message)
        self.retry_at = retry_at


class BankRefused(BankError):
    """The bank understood and said no to this request; the same request will not succeed."""


class BankTokenExpired(BankError):
    """401 TOKEN_EXPIRED: refresh once, then ask again."""


class BankAccessLost(BankError):
    """The token or the consent is no longer good: the PSU must consent again.

    `reason` is what the bank told: expired, revoked, or refused (a token it no longer knows).
    """

    def __init__(self, bank_id: str, message: str, *, reason: str) -> None:
        super().__init__(bank_id, message)
        self.reason = reason


class BankConfigurationError(BankError):
    """Certificates, signatures or roles are wrong: operations must act, the client cannot."""


class NotDecryptable(Exception):
    """The ciphertext, its key or its place is not what was sealed. Says nothing of which; never shown."""


class StaleWrite(Exception):
    """Someone else changed the document first. The caller reads again or gives up its lease; never shown."""
