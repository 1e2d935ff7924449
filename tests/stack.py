"""The running platform as tests use it: started by the command that `make run` runs, driven through its addresses."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import httpx

from localcloud.stack import psu
from shared.domain.organisations import Tier
from shared.gcp import paths
from shared.gcp.organisation_store import OrganisationStore
from shared.use_cases.create_organisation import create_organisation

if TYPE_CHECKING:
    from google.cloud import firestore

ROOT = Path(__file__).resolve().parents[1]
CALLBACK_URL = "https://client.example/banking/callback"

_START_TIMEOUT_SECONDS = 240
_STOP_TIMEOUT_SECONDS = 40
_WAIT_TIMEOUT_SECONDS = 150
_POLL_SECONDS = 0.1

Found = TypeVar("Found")


@dataclass(frozen=True)
class Connection:
    """What the client learns when the bank sends the PSU back to it."""

    consent_id: str
    callback: dict[str, str]


class PatientClient(httpx.Client):
    """Waits where the API says that this organisation's requests come too fast, as a good client does."""

    def __init__(self, **options: Any) -> None:
        # All is plain HTTP on this machine; to load the authorities' certificates takes longer than most requests.
        super().__init__(verify=False, trust_env=False, **options)

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        while True:
            reply = super().send(request, **options)
            # A HEAD's refusal has no body; the other kind of 429 answers POST only.
            if reply.status_code != 429 or (
                request.method != "HEAD" and reply.json()["error"]["code"] != "RATE_LIMITED"
            ):
                return reply
            time.sleep(int(reply.headers["Retry-After"]))


class Stack:
    """A stack that runs on `folder`; its addresses are read anew from stack.json when they are asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._clients: dict[tuple[str, str], firestore.Client] = {}

    @property
    def info(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / "stack.json").read_text())
        return content

    @property
    def gateway_url(self) -> str:
        return str(self.info["gatewayUrl"])

    @property
    def bank_url(self) -> str:
        return str(self.info["bankUrl"])

    def log(self, name: str) -> str:
        return (self.folder / "logs" / f"{name}.log").read_text(errors="replace")

    # What a client does

    def new_organisation(self, *, tier: Tier = "enterprise") -> str:
        """The sandbox API key of an organisation that nobody else uses."""
        control = OrganisationStore(self.firestore("(default)"))
        return create_organisation("Test d.o.o.", tier=tier, organisations=control).sandbox_key

    def put_in_tier(self, organisation_id: str, tier: Tier) -> None:
        """At once, and without a trace in the audit log."""
        self.firestore("(default)").document(paths.organisation(organisation_id)).update({"tier": tier})

    def sign_in(self, email: str, *, verified: bool = True) -> str:
        """The ID token of a person who signs in to the portal."""
        reply = httpx.post(
            self.info["userSignInUrl"],
            json={"email": email, "emailVerified": verified},
            trust_env=False,
            verify=False,
        )
        return str(reply.raise_for_status().json()["idToken"])

    def client(self, api_key: str, *, timeout_seconds: float = 90) -> httpx.Client:
        return PatientClient(
            base_url=self.gateway_url,
            headers={"Authorization": f"ApiKey {api_key}"},
            timeout=timeout_seconds,
        )

    def browser(self) -> httpx.Client:
        """The PSU's: keeps cookies, and redirects are followed by whoever walks the pages."""
        return httpx.Client(timeout=90, trust_env=False, verify=False)

    def start_consent(self, api_key: str, *, bank_id: str = "erste-hr", **body: str) -> dict[str, Any]:
        with self.client(api_key) as client:
            reply = client.post("/consents", json={"bankId": bank_id, "callbackUrl": CALLBACK_URL, **body})
        assert reply.status_code == 201, reply.text
        consent: dict[str, Any] = reply.json()
        return consent

    def authorise(
        self,
        redirect_url: str,
        *,
        person: psu.Person | None = None,
        decision: psu.Decision = "approve",
        until: str = CALLBACK_URL,
    ) -> str:
        """Walk the bank's pages; the first address below `until`, which is not opened."""
        with self.browser() as browser:
            return psu.walk(browser, redirect_url, until=until, person=person, decision=decision)

    def connect(
        self,
        api_key: str,
        *,
        bank_id: str = "erste-hr",
        username: str = "ana",
        decision: psu.Decision = "approve",
    ) -> Connection:
        consent = self.start_consent(api_key, bank_id=bank_id)
        back = self.authorise(consent["redirectUrl"], person=psu.Person(username=username), decision=decision)
        query = parse_qs(urlsplit(back).query)
        return Connection(
            consent_id=consent["id"], callback={name: values[0] for name, values in query.items()}
        )

    def wait_synced(self, api_key: str, consent_id: str, *, after: str = "") -> dict[str, Any]:
        """The consent, once its `lastSyncedAt` is later than `after`."""
        with self.client(api_key) as client:

            def synced() -> dict[str, Any] | None:
                consent: dict[str, Any] = client.get(f"/consents/{consent_id}").raise_for_status().json()
                return consent if (consent["lastSyncedAt"] or "") > after else None

            return wait_for(synced, what=f"a sync of {consent_id}")

    # What an operator does

    def firestore(self, database: str) -> firestore.Client:
        """A client of the stack's own Firestore: "(default)", "sandbox" or "sandbox-bank"."""
        from google.cloud import firestore

        info = self.info
        where = (info["firestoreHost"], database)
        if where not in self._clients:
            with mock.patch.dict(os.environ, FIRESTORE_EMULATOR_HOST=info["firestoreHost"]):
                self._clients[where] = firestore.Client(project=info["project"], database=database)
        return self._clients[where]

    def pid(self, name: str) -> int | None:
        pid: int | None = self.info["pids"].get(name)
        return pid

    def restart(self, name: str) -> None:
        """As a new deployment does: SIGTERM, and back once it listens again."""
        pid = self._running(name)
        os.kill(pid, signal.SIGTERM)
        self.wait_replaced(name, pid=pid)

    def kill(self, name: str) -> None:
        """SIGKILL, and back once the supervisor has started it again."""
        pid = self._running(name)
        os.kill(pid, signal.SIGKILL)
        self.wait_replaced(name, pid=pid)

    @contextlib.contextmanager
    def down(self, name: str) -> Iterator[None]:
        """Killed, and kept down meanwhile: connections to it are refused."""
        pid, held = self._running(name), self.folder / "held" / name
        held.touch()
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: self.pid(name) is None, what=f"the end of {name}")
        try:
            yield
        finally:
            held.unlink()
            self.wait_replaced(name, pid=pid)

    @contextlib.contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Stopped with its workers, and going on afterwards: connections to it hang."""
        pid = self._running(name)
        os.killpg(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(pid, signal.SIGCONT)

    def wait_replaced(self, name: str, *, pid: int) -> None:
        wait_for(lambda: self.pid(name) not in (None, pid), what=f"a new process of {name}")

    def _running(self, name: str) -> int:
        return wait_for(lambda: self.pid(name), what=f"{name}")


def wait_for(
    look: Callable[[], Found | None],
    *,
    what: str,
    timeout_seconds: float = _WAIT_TIMEOUT_SECONDS,
    every_seconds: float = _POLL_SECONDS,
) -> Found:
    """The first thing that `look` finds which is neither None nor False."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        found = look()
        if found is not None and found is not False:
            return found
        assert time.monotonic() < deadline, f"{what} did not come within {timeout_seconds:.0f} s"
        time.sleep(every_seconds)


class Run:
    """A supervisor's process."""

    def __init__(
        self,
        folder: Path,
        *,
        arguments: Sequence[str] = ("--no-demo",),
        environment: Mapping[str, str] | None = None,
        while_pid: int | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.output = folder.with_name(f"{folder.name}.out")
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "localcloud.stack",
                    "--while-pid",
                    str(while_pid or os.getpid()),
                    *arguments,
                ],
                cwd=ROOT,
                env={**os.environ, "LOCALCLOUD_DIR": str(folder), "PORT": "0", **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_up(self) -> Stack:
        def up() -> bool:
            assert self.process.poll() is None, f"the stack ended at its start:\n{self.said}"
            return (self.folder / "stack.json").exists()

        wait_for(up, what="the stack", timeout_seconds=_START_TIMEOUT_SECONDS)
        return Stack(self.folder)

    @property
    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def end(self, *, with_signal: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        return self.process.wait(_STOP_TIMEOUT_SECONDS)


_shared: list[Run] = []


def shared_stack(folder: Path, *, while_pid: int) -> Stack:
    """The one stack of a whole test run: whoever comes first starts it, the others wait for it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "starting").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        state = folder / "state"
        if (state / "stack.json").exists():
            return Stack(state)
        run = Run(state, while_pid=while_pid)
        _shared.append(run)
        return run.wait_up()


def end_shared_stack(folder: Path) -> None:
    state = folder / "state"
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        os.kill(Stack(state).info["supervisorPid"], signal.SIGTERM)
        wait_for(lambda: is_free(state), what="the end of the stack", timeout_seconds=_STOP_TIMEOUT_SECONDS)


def is_free(folder: Path) -> bool:
    """Whether no supervisor runs on `folder`: the kernel drops its lock when it is gone."""
    with (folder / "lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
