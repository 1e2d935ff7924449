"""A function that does nothing: what functions-framework, Flask and gunicorn cost by themselves."""

from __future__ import annotations

import flask
import functions_framework


@functions_framework.http
def main(_request: flask.Request) -> flask.Response:
    return flask.Response(b"{}", mimetype="application/json")
