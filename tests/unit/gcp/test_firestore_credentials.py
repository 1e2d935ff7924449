"""In the cloud the hot path's channel speaks TLS and shows the token of the function's own service account.

Google's servers are local ones here: a metadata server, and a Firestore with a certificate that a process of its own is
told to trust.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ROOT = Path(__file__).parents[3]
TOKEN = "token-of-the-service-account"

ASK = """
import sys
from shared.gcp import clients
clients._FIRESTORE_ADDRESS = sys.argv[1]
from shared.gcp.raw_firestore import RawFirestore
print(RawFirestore(project="p", database="live").get(["a/b"]))
"""


class Metadata(BaseHTTPRequestHandler):
    """What google-auth asks of an instance's metadata server."""

    asked: list[str]

    def do_GET(self) -> None:
        path = urlsplit(self.path)
        self.asked.append(self.path)
        answer = {
            "/": "",
            "/computeMetadata/v1/project/project-id": "p",
            "/computeMetadata/v1/universe/universe-domain": "googleapis.com",
            "/computeMetadata/v1/instance/service-accounts/default/": json.dumps(
                {"email": "f@p.example", "scopes": [], "aliases": ["default"]}
            ),
            "/computeMetadata/v1/instance/service-accounts/default/token": json.dumps(
                {"access_token": TOKEN, "expires_in": 3_599, "token_type": "Bearer"}
            ),
        }.get(path.path)
        self.send_response(404 if answer is None else 200)
        self.send_header("Metadata-Flavor", "Google")
        self.send_header(
            "Content-Type", "application/json" if (answer or "").startswith("{") else "text/plain"
        )
        self.end_headers()
        self.wfile.write((answer or "").encode())

    def log_message(self, *_: Any) -> None:
        pass


class Firestore(grpc.GenericRpcHandler):
    """Knows no document, and remembers who asked."""

    def __init__(self) -> None:
        self.metadata: list[dict[str, str]] = []

    def service(self, details: Any) -> Any:
        self.metadata.append(dict(details.invocation_metadata))
        return grpc.unary_stream_rpc_method_handler(lambda _request, _context: iter(()))


@pytest.fixture
def metadata_server() -> Iterator[tuple[str, list[str]]]:
    """host:port, and the paths that were asked for."""
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Metadata,), {"asked": asked}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_each_call_shows_the_service_accounts_token(
    metadata_server: tuple[str, list[str]], tmp_path: Path
) -> None:
    address, asked = metadata_server
    key, certificate = _self_signed()
    trusted = tmp_path / "roots.pem"
    trusted.write_bytes(certificate)
    firestore = Firestore()
    server = grpc.server(ThreadPoolExecutor(2), handlers=(firestore,))
    port = server.add_secure_port("localhost:0", grpc.ssl_server_credentials([(key, certificate)]))
    server.start()
    elsewhere = ("FIRESTORE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG")
    done = subprocess.run(
        [sys.executable, "-c", ASK, f"localhost:{port}"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in elsewhere}
        | {
            "HOME": str(tmp_path),
            "GCE_METADATA_HOST": address,
            "GCE_METADATA_IP": address,
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(trusted),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    server.stop(None)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "{}\n"
    (metadata,) = firestore.metadata
    assert metadata["authorization"] == f"Bearer {TOKEN}"
    assert metadata["x-goog-request-params"] == "database=projects%2Fp%2Fdatabases%2Flive"
    (token,) = [urlsplit(path) for path in asked if "/token" in path]
    assert parse_qs(token.query)["scopes"] == ["https://www.googleapis.com/auth/datastore"]


def _self_signed() -> tuple[bytes, bytes]:
    """Key and certificate of localhost, for an hour."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private, certificate.public_bytes(pem)
