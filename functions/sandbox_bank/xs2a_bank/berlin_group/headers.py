"""The header fields that every call of the standard carries."""

from __future__ import annotations

import ipaddress
from uuid import UUID, uuid4

from flask import Request, Response

from xs2a_bank.refusals import Reason, Refusal


def require_request_id(request: Request) -> None:
    if _request_id(request) is None:
        raise Refusal(Reason.FORMAT_ERROR, "X-Request-ID must be a UUID", path="X-Request-ID")


def require_json_acceptable(request: Request) -> None:
    if request.accept_mimetypes and not request.accept_mimetypes.best_match(["application/json"]):
        raise Refusal(Reason.FORMAT_NOT_ACCEPTABLE, "this bank answers application/json only")


def psu_present(request: Request) -> bool:
    """PSU-IP-Address is there if and only if the PSU asked for this very call."""
    value = request.headers.get("PSU-IP-Address")
    if value is None:
        return False
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise Refusal(
            Reason.FORMAT_ERROR, "PSU-IP-Address must be an IP address", path="PSU-IP-Address"
        ) from None
    return True


def echo_request_id(request: Request, response: Response) -> Response:
    response.headers["X-Request-ID"] = _request_id(request) or str(uuid4())
    return response


def _request_id(request: Request) -> str | None:
    value = request.headers.get("X-Request-ID", "")
    try:
        UUID(value)
    except ValueError:
        return None
    return value if len(value) == 36 else None
