"""The sandbox bank as a function. Every path belongs to the bank's own application."""

from __future__ import annotations

import io
import os
from functools import cache

import flask
import functions_framework
from werkzeug.wrappers import Response

from shared.gcp import clients
from xs2a_bank.app import MAX_BODY_BYTES, create_app
from xs2a_bank.clock import SystemClock
from xs2a_bank.firestore_store import FirestoreStore
from xs2a_bank.settings import load_bank_settings


@cache
def _bank() -> flask.Flask:
    settings = load_bank_settings(os.environ)
    client = clients.firestore_client(project=settings.project, database=settings.database)
    return create_app(settings, FirestoreStore(client), SystemClock())


@functions_framework.http
def main(request: flask.Request) -> Response:
    # functions-framework reads the rest of the body after the reply, so the bank gets its own copy. One byte more
    # than the bank takes is enough for it to refuse the body as too large.
    body = request.stream.read(MAX_BODY_BYTES + 1)
    environ = {**request.environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    return Response.from_app(_bank(), environ)
