"""Refusals in the bilateral interface's words."""

from __future__ import annotations

from flask import Response, jsonify

from xs2a_bank.refusals import Reason, Refusal

CODES: dict[Reason, tuple[int, str]] = {
    Reason.CLIENT_MISSING: (401, "PARTNER_UNKNOWN"),
    Reason.CLIENT_INVALID: (401, "PARTNER_UNKNOWN"),
    Reason.TOKEN_MISSING: (401, "TOKEN_INVALID"),
    Reason.TOKEN_UNKNOWN: (401, "TOKEN_INVALID"),
    Reason.TOKEN_INVALID: (401, "TOKEN_INVALID"),
    Reason.TOKEN_EXPIRED: (401, "TOKEN_EXPIRED"),
    Reason.CONSENT_UNKNOWN: (404, "MANDATE_UNKNOWN"),
    Reason.CONSENT_NOT_TOKENS: (403, "MANDATE_UNKNOWN"),
    Reason.CONSENT_INVALID: (403, "MANDATE_CANCELLED"),
    Reason.CONSENT_WITHDRAWN: (403, "MANDATE_CANCELLED"),
    Reason.CONSENT_EXPIRED: (403, "MANDATE_LAPSED"),
    Reason.RESOURCE_UNKNOWN: (404, "NOT_FOUND"),
    Reason.METHOD_NOT_ALLOWED: (405, "BAD_REQUEST"),
    Reason.FORMAT_NOT_ACCEPTABLE: (406, "BAD_REQUEST"),
    Reason.BODY_TOO_LARGE: (413, "BAD_REQUEST"),
    Reason.MEDIA_TYPE: (415, "BAD_REQUEST"),
    Reason.ACCESS_EXCEEDED: (429, "LIMIT_EXCEEDED"),
    Reason.UNAVAILABLE: (503, "UNAVAILABLE"),
    Reason.INTERNAL: (500, "INTERNAL"),
}
OTHERWISE = (400, "BAD_REQUEST")


def refuse(refusal: Refusal) -> Response:
    status, code = CODES.get(refusal.reason, OTHERWISE)
    response = jsonify(errorCode=code, errorText=refusal.text)
    response.status_code = status
    return response
