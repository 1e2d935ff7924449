"""What only an operator may do to an organisation. No client can: there is no endpoint for it.

    python -m infra.admin set-tier org_… pro                     on the stack that runs on this machine
    python -m infra.admin --project PROJECT set-tier org_… pro   in the cloud, as whoever gcloud is signed in as
    python -m infra.admin --project PROJECT audit org_…          the last entries of its audit log, newest first

In the cloud, Firestore's own audit log has the operator's account; `--operator` is the name that the organisation's
audit log shows, the account's on this machine when it is left out.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import re
import sys
from pathlib import Path
from typing import get_args

from shared.domain.audit import Actor, Origin
from shared.domain.clock import SystemClock
from shared.domain.errors import Conflict, NotFound
from shared.domain.organisations import Tier
from shared.gcp.audit_store import AuditStore
from shared.gcp.clients import firestore_client
from shared.gcp.organisation_store import OrganisationStore
from shared.use_cases.set_tier import set_tier

_ROOT = Path(__file__).resolve().parents[1]
_OPERATOR = re.compile(r"[0-9A-Za-z._@-]{1,64}")


def main(arguments: list[str] | None = None) -> int:
    options = argparse.ArgumentParser(
        prog="python -m infra.admin",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("--project", help="the Google Cloud project; without it, the stack on this machine")
    options.add_argument("--database", default="(default)", help="the control plane's (%(default)s)")
    options.add_argument("--operator", default=getpass.getuser(), help="who does this (%(default)s)")
    commands = options.add_subparsers(dest="command", required=True)
    tier = commands.add_parser("set-tier", help="put an organisation into another tier")
    tier.add_argument("organisation", help="org_…")
    tier.add_argument("tier", choices=get_args(Tier))
    audit = commands.add_parser("audit", help="show the last entries of an organisation's audit log")
    audit.add_argument("organisation", help="org_…")
    audit.add_argument("--limit", type=int, default=20)
    chosen = options.parse_args(arguments)
    if not _OPERATOR.fullmatch(chosen.operator):
        options.error("--operator is 1 to 64 letters, digits and . _ @ -")
    project = chosen.project or _local_project(options)
    control = firestore_client(project=project, database=chosen.database)
    if chosen.command == "audit":
        for entry in AuditStore(control).list(chosen.organisation, limit=chosen.limit, before=None):
            actor = " ".join(filter(None, (entry.actor.kind, entry.actor.id)))
            at, address = f"{entry.at:%Y-%m-%dT%H:%M:%SZ}", entry.ip_address or "-"
            print(f"{at}  {address:<15}  {actor}  {entry.action}  {entry.target_id}")
        return 0
    store = OrganisationStore(control)
    try:
        organisation = set_tier(
            chosen.organisation,
            chosen.tier,
            origin=Origin(actor=Actor(kind="operator", id=chosen.operator)),
            organisations=store,
            clock=SystemClock(),
        )
    except (NotFound, Conflict) as refusal:
        print(refusal.message, file=sys.stderr)
        return 1
    print(f"{organisation.id} ({organisation.name}) is in the {organisation.tier} tier.")
    return 0


def _local_project(options: argparse.ArgumentParser) -> str:
    """Of the running stack, whose Firestore the client is led to."""
    folder = Path(os.environ.get("LOCALCLOUD_DIR") or _ROOT / ".localcloud")
    try:
        stack = json.loads((folder / "stack.json").read_text())
    except FileNotFoundError:
        options.error(f"no stack runs on {folder}: `make run` starts one, --project names the cloud's")
    os.environ["FIRESTORE_EMULATOR_HOST"] = stack["firestoreHost"]
    project: str = stack["project"]
    return project


if __name__ == "__main__":
    raise SystemExit(main())
