"""Every failure leaves in the format of the interface that was asked: never a bare page, never a trace."""

from __future__ import annotations

import logging

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from xs2a_bank.berlin_group import errors as berlin_group_errors
from xs2a_bank.bilateral import errors as bilateral_errors
from xs2a_bank.pages.render import error_page
from xs2a_bank.paths import bank_of, interface_of
from xs2a_bank.refusals import Reason, Refusal

REASONS = {
    404: Reason.RESOURCE_UNKNOWN,
    405: Reason.METHOD_NOT_ALLOWED,
    413: Reason.BODY_TOO_LARGE,
    415: Reason.MEDIA_TYPE,
}
_log = logging.getLogger(__name__)


def register_failures(app: Flask) -> None:
    app.register_error_handler(Refusal, _refuse)
    app.register_error_handler(HTTPException, _http_exception)
    app.register_error_handler(Exception, _unexpected)


def _refuse(refusal: Refusal) -> Response:
    match interface_of(request.path):
        case "berlin_group":
            response = berlin_group_errors.refuse(refusal)
        case "bilateral":
            response = bilateral_errors.refuse(refusal)
        case "oauth":
            response = jsonify(error="invalid_request", error_description=refusal.text)
            response.status_code = _status(refusal)
        case _:
            response = error_page(
                bank_of(request.path), f"{refusal.text.capitalize()}.", status=_status(refusal)
            )
    if refusal.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(refusal.retry_after_seconds)
    return response


def _status(refusal: Refusal) -> int:
    return berlin_group_errors.CODES[refusal.reason][0]


def _http_exception(error: HTTPException) -> Response:
    reason = REASONS.get(error.code or 500, Reason.FORMAT_ERROR)
    if (error.code or 500) >= 500:
        reason = Reason.INTERNAL
    response = _refuse(Refusal(reason, (error.name or "error").lower()))
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _unexpected(error: Exception) -> Response:
    _log.error("unexpected failure", exc_info=error)
    return _refuse(Refusal(Reason.INTERNAL, "an unexpected failure"))
