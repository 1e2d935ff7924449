"""Runs one function as Cloud Run would: functions-framework's application in its own gunicorn, private by identity."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from functions_framework import create_app
from functions_framework._http.gunicorn import GunicornApplication

from localcloud import process
from localcloud.die_with_parent import die_with_parent
from localcloud.identity.verify import RequireInvoker

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

# Cloud Run sends SIGKILL 10 s after SIGTERM.
_GRACE_SECONDS = 8
_TARGET = "main"


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m localcloud.functions", description=__doc__)
    options.add_argument("name", help="the function's name in the manifest")
    options.add_argument(
        "--manifest", type=Path, required=True, help="its folder holds the functions' folders"
    )
    options.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    options.add_argument("--identity", required=True, help="the identity server's URL")
    arguments = options.parse_args()
    process.prepare()
    entry = yaml.safe_load(arguments.manifest.read_text())["functions"][arguments.name]
    _set_platform_environment(arguments.name, entry, port=arguments.port)
    source = arguments.manifest.resolve().parent / arguments.name / "main.py"
    app: WSGIApplication = create_app(_TARGET, str(source), "http")  # type: ignore[no-untyped-call]
    if entry["trigger"] != "public":
        app = RequireInvoker(
            app,
            issuer=arguments.identity,
            jwks_url=f"{arguments.identity}/oauth2/v3/certs",
            audience=f"http://127.0.0.1:{arguments.port}",
            allowed_emails=os.environ["TOK_INVOKERS"].split(","),
        )
    serve(app, port=arguments.port)


def _set_platform_environment(name: str, entry: dict[str, Any], *, port: int) -> None:
    """What Cloud Run and the Terraform module set for every function."""
    os.environ.update(
        PORT=str(port),
        K_SERVICE=name.replace("_", "-"),
        FUNCTION_TARGET=_TARGET,
        FUNCTION_SIGNATURE_TYPE="http",
        THREADS=str(entry["concurrency"]),
    )


def serve(app: WSGIApplication, *, port: int) -> None:
    """Until SIGTERM. The options are functions-framework's own, but for how the process ends."""
    master_pid = os.getpid()

    def post_fork(_arbiter: object, _worker: object) -> None:
        die_with_parent(master_pid)

    def when_ready(_arbiter: object) -> None:
        process.announce(port=port)

    application = GunicornApplication(  # type: ignore[no-untyped-call]
        app,
        "127.0.0.1",
        port,
        False,
        post_fork=post_fork,
        when_ready=when_ready,
        graceful_timeout=_GRACE_SECONDS,
        # gunicorn lets a peer on loopback set the path by headers (PATH_INFO); Cloud Run's peers never are.
        forwarded_allow_ips="",
        control_socket_disable=True,  # it is one file for the whole home folder
    )
    application.run()


if __name__ == "__main__":
    main()
