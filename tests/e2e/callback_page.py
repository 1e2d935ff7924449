"""The client's own callback page, on a free port of loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass
class CallbackPage:
    url: str
    visits: list[dict[str, str]] = field(default_factory=list)
    """The query parameters of each visit."""


@contextmanager
def callback_page() -> Iterator[CallbackPage]:
    page = CallbackPage(url="")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path != "/connected":
                self.send_response(204)  # a browser asks for an icon
                self.end_headers()
                return
            query = parse_qs(parts.query, strict_parsing=True)
            page.visits.append({name: values[0] for name, values in query.items()})
            body = b"<!doctype html><html lang=en><title>Client</title><p id=done>Welcome back.</p>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Says nothing: pytest would show it as noise."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    page.url = f"http://127.0.0.1:{server.server_port}/connected"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield page
    finally:
        server.shutdown()
        server.server_close()
