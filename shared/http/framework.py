"""Where functions-framework would answer by itself, in HTML: paths that its one route does not match."""

from __future__ import annotations

import flask
import functions_framework

from shared.http.api import Api


def answer_unroutable(api: Api) -> None:
    """Give `api` the requests that Flask finds no route for: a path with a line break, /robots.txt, /favicon.ico.

    `errorhandler` is set by functions-framework just before it loads a function; elsewhere there is nothing to do.
    """
    errorhandler = getattr(functions_framework, "errorhandler", None)
    if errorhandler is not None:
        errorhandler(404)(lambda _error: api(flask.request))
