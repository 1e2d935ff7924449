"""Why the bank refuses a request, in neutral terms. Each dialect says it in its own format."""

from __future__ import annotations

from enum import Enum


class Reason(Enum):
    CLIENT_MISSING = "client_missing"
    CLIENT_INVALID = "client_invalid"
    TOKEN_MISSING = "token_missing"  # noqa: S105
    TOKEN_UNKNOWN = "token_unknown"  # noqa: S105
    TOKEN_INVALID = "token_invalid"  # noqa: S105
    TOKEN_EXPIRED = "token_expired"  # noqa: S105
    CONSENT_UNKNOWN = "consent_unknown"
    CONSENT_NOT_TOKENS = "consent_not_tokens"
    """The named consent is not the one that the token was issued for."""
    CONSENT_INVALID = "consent_invalid"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    CONSENT_EXPIRED = "consent_expired"
    RESOURCE_UNKNOWN = "resource_unknown"
    FORMAT_ERROR = "format_error"
    BODY_TOO_LARGE = "body_too_large"
    MEDIA_TYPE = "media_type"
    PARAMETER_NOT_SUPPORTED = "parameter_not_supported"
    PERIOD_INVALID = "period_invalid"
    STATUS_INVALID = "status_invalid"
    FORMAT_NOT_ACCEPTABLE = "format_not_acceptable"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    ACCESS_EXCEEDED = "access_exceeded"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


class Refusal(Exception):
    def __init__(
        self, reason: Reason, text: str, *, path: str | None = None, retry_after_seconds: int | None = None
    ) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text
        self.path = path
        self.retry_after_seconds = retry_after_seconds
