"""Refusals as the standard says them: HTTP status and message code (Implementation Guidelines, section 14.11)."""

from __future__ import annotations

from flask import Response, jsonify

from xs2a_bank.refusals import Reason, Refusal

CODES: dict[Reason, tuple[int, str]] = {
    # HTTP Basic stands in for the TPP's certificate, so its failures are the certificate's.
    Reason.CLIENT_MISSING: (401, "CERTIFICATE_MISSING"),
    Reason.CLIENT_INVALID: (401, "CERTIFICATE_INVALID"),
    Reason.TOKEN_MISSING: (401, "TOKEN_UNKNOWN"),
    Reason.TOKEN_UNKNOWN: (401, "TOKEN_UNKNOWN"),
    Reason.TOKEN_INVALID: (401, "TOKEN_INVALID"),
    Reason.TOKEN_EXPIRED: (401, "TOKEN_EXPIRED"),
    Reason.CONSENT_UNKNOWN: (403, "CONSENT_UNKNOWN"),
    Reason.CONSENT_NOT_TOKENS: (400, "CONSENT_UNKNOWN"),
    Reason.CONSENT_INVALID: (401, "CONSENT_INVALID"),
    Reason.CONSENT_WITHDRAWN: (401, "CONSENT_INVALID"),
    Reason.CONSENT_EXPIRED: (401, "CONSENT_EXPIRED"),
    Reason.RESOURCE_UNKNOWN: (404, "RESOURCE_UNKNOWN"),
    Reason.FORMAT_ERROR: (400, "FORMAT_ERROR"),
    Reason.BODY_TOO_LARGE: (400, "FORMAT_ERROR"),
    Reason.MEDIA_TYPE: (415, "FORMAT_ERROR"),
    Reason.PARAMETER_NOT_SUPPORTED: (400, "PARAMETER_NOT_SUPPORTED"),
    Reason.PERIOD_INVALID: (400, "PERIOD_INVALID"),
    Reason.STATUS_INVALID: (409, "STATUS_INVALID"),
    Reason.FORMAT_NOT_ACCEPTABLE: (406, "REQUESTED_FORMATS_INVALID"),
    Reason.METHOD_NOT_ALLOWED: (405, "SERVICE_INVALID"),
    Reason.ACCESS_EXCEEDED: (429, "ACCESS_EXCEEDED"),
    Reason.UNAVAILABLE: (503, "SERVICE_UNAVAILABLE"),
    Reason.INTERNAL: (500, "INTERNAL_SERVER_ERROR"),
}
MAX_TEXT_CHARACTERS = 500


def refuse(refusal: Refusal) -> Response:
    status, code = CODES[refusal.reason]
    message = {"category": "ERROR", "code": code, "text": refusal.text[:MAX_TEXT_CHARACTERS]}
    if refusal.path:
        message["path"] = refusal.path
    response = jsonify(tppMessages=[message])
    response.status_code = status
    return response
