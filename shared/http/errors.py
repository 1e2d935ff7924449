"""Domain errors to statuses, codes and the one error envelope. docs/api/openapi.yaml lists the same table."""

from __future__ import annotations

import msgspec

from shared.domain import errors
from shared.http.call import Reply, json_reply


class Kind(msgspec.Struct, frozen=True):
    status: int
    code: str


TABLE: dict[type[errors.TokError], Kind] = {
    errors.InvalidApiKey: Kind(401, "INVALID_API_KEY"),
    errors.InvalidToken: Kind(401, "INVALID_TOKEN"),
    errors.Forbidden: Kind(403, "FORBIDDEN"),
    errors.ConsentExpired: Kind(403, "CONSENT_EXPIRED"),
    errors.ConsentRevoked: Kind(403, "CONSENT_REVOKED"),
    errors.NotFound: Kind(404, "NOT_FOUND"),
    errors.MethodNotAllowed: Kind(405, "METHOD_NOT_ALLOWED"),
    errors.Conflict: Kind(409, "CONFLICT"),
    errors.IdempotencyKeyReused: Kind(409, "IDEMPOTENCY_KEY_REUSED"),
    errors.ConsentPending: Kind(409, "CONSENT_PENDING"),
    errors.PayloadTooLarge: Kind(413, "PAYLOAD_TOO_LARGE"),
    errors.UnsupportedMediaType: Kind(415, "UNSUPPORTED_MEDIA_TYPE"),
    errors.RateLimited: Kind(429, "RATE_LIMITED"),
    errors.Invalid: Kind(400, "VALIDATION_ERROR"),
    errors.InvalidCursor: Kind(400, "INVALID_CURSOR"),
    errors.RefreshLimitReached: Kind(429, "REFRESH_LIMIT_REACHED"),
    errors.BankTimeout: Kind(504, "BANK_TIMEOUT"),
    errors.BankError: Kind(502, "BANK_API_ERROR"),
}
INTERNAL = Kind(500, "INTERNAL")


def kind_of(error: BaseException) -> Kind:
    for ancestor in type(error).__mro__:
        kind = TABLE.get(ancestor)
        if kind is not None:
            return kind
    return INTERNAL


def error_reply(error: BaseException, *, request_id: str) -> tuple[Reply, Kind]:
    kind = kind_of(error)
    message = error.message if isinstance(error, errors.TokError) else _INTERNAL_MESSAGE
    envelope: dict[str, object] = {"code": kind.code, "message": message, "requestId": request_id}
    headers: list[tuple[str, str]] = []
    if isinstance(error, errors.Invalid):
        envelope["details"] = [{"field": error.field, "reason": error.reason}]
    if isinstance(error, errors.MethodNotAllowed):
        headers.append(("Allow", ", ".join(error.allowed)))
    if isinstance(error, errors.RateLimited | errors.RefreshLimitReached | errors.BankLeftAlone):
        headers.append(("Retry-After", str(error.retry_after_seconds)))
    if isinstance(error, errors.InvalidApiKey):
        headers.append(("WWW-Authenticate", "ApiKey"))
    if isinstance(error, errors.InvalidToken):
        headers.append(("WWW-Authenticate", "Bearer"))
    return json_reply({"error": envelope}, status=kind.status, headers=tuple(headers)), kind


_INTERNAL_MESSAGE = (
    "Something went wrong on our side. Nothing is lost; please try again, "
    "and tell us the requestId if it stays."
)
