"""Under functions-framework's own gunicorn a request learns that its process was asked to end, and still answers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx

from shared.http.stopping import is_stopping

ROOT = Path(__file__).parents[3]
SERVER = """
import sys, time
from functions_framework._http.gunicorn import GunicornApplication
from shared.http.stopping import is_stopping

def app(environ, start_response):
    started = is_stopping()
    print("working", flush=True)
    while not is_stopping():
        time.sleep(0.01)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{started} then {is_stopping()}".encode()]

GunicornApplication(app, "127.0.0.1", int(sys.argv[1]), False, graceful_timeout=10, control_socket_disable=True).run()
"""


def test_no_server_is_never_stopping() -> None:
    assert not is_stopping()


def test_a_request_at_work_sees_sigterm_and_ends_by_itself() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "WORKERS": "1", "THREADS": "4"}
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(port)], env=environment, stdout=subprocess.PIPE, text=True
    )
    answers: list[str] = []

    def ask() -> None:
        while server.poll() is None:
            try:
                answers.append(httpx.get(f"http://127.0.0.1:{port}/", timeout=30).text)
                return
            except httpx.ConnectError:
                time.sleep(0.05)

    client = threading.Thread(target=ask)
    try:
        client.start()
        assert server.stdout is not None
        assert server.stdout.readline() == "working\n"
        server.send_signal(signal.SIGTERM)
        client.join(timeout=30)
        assert answers == ["False then True"]
        assert server.wait(timeout=30) == 0
    finally:
        server.kill()
        server.wait()
