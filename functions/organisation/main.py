"""The control plane: organisations, their users, invitations, API keys and audit log. Users call it, keys do not.

The operations are in `control_plane/`, one module for each of these.
"""

from __future__ import annotations

import flask
import functions_framework

from control_plane import audit, invitations, keys, organisations, users
from control_plane.wiring import api
from shared.http.framework import answer_unroutable

__all__ = ["audit", "invitations", "keys", "main", "organisations", "users"]

answer_unroutable(api)


@functions_framework.http
def main(request: flask.Request) -> flask.Response:
    return api(request)
