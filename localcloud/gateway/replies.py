"""The replies that the gateway gives by itself."""

from __future__ import annotations

import json
from collections.abc import Sequence

from aiohttp import web

from shared.domain.ids import new_id


def gateway_error(status: int, message: str, *, allow: Sequence[str] = ()) -> web.Response:
    """API Gateway's own format, which cannot be changed there either; but 405 has Allow (RFC 9110 §15.5.6)."""
    headers = {"Allow": ", ".join(allow)} if allow else {}
    return web.json_response({"code": status, "message": message}, status=status, headers=headers)


def payload_too_large(*, limit_bytes: int) -> web.Response:
    """In the API's own format: what a function answers to a body that is too large for it.

    Google's front end refuses more than 32 MB before any of Tok's code runs, with a page of its own.
    """
    request_id = new_id("req")
    message = f"The body is larger than {limit_bytes // 1024**2} MB."
    return web.Response(
        status=413,
        body=json.dumps(
            {"error": {"code": "PAYLOAD_TOO_LARGE", "message": message, "requestId": request_id}}
        ).encode(),
        content_type="application/json",
        headers={
            "X-Request-Id": request_id,
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


class Relayed(web.Response):
    """A backend's reply as it is: without the Content-Type that aiohttp would add to an empty one."""

    async def _prepare_headers(self) -> None:
        typed = "Content-Type" in self.headers
        await super()._prepare_headers()
        if not typed:
            self.headers.popall("Content-Type", None)
