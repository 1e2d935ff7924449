"""First values of the secrets that Terraform made: `python -m infra.first_secrets --project P --environment E`.

Terraform makes each secret and never sees its value. This gives those that functions need to start, and that have no
version yet, one: a random signing key, the banks' client credentials (none in live: each comes with a bank's
registration; random ones in the sandbox, the same for Tok and for the sandbox's bank). What has a version is left
alone, so it may run again. Values go to gcloud's standard input: they reach no argument list, file or terminal.
"""

from __future__ import annotations

import argparse
import base64
import json
import secrets
import subprocess
import sys
from typing import Any

from shared.banks.registry import catalogue
from shared.settings import BankSettings, Environment

PUBLIC_URLS: dict[Environment, str] = {
    "live": "https://api.tokapi.io/v1",
    "sandbox": "https://sandbox.api.tokapi.io/v1",
}


def first_values(environment: Environment, *, public_url: str) -> dict[str, str]:
    """Secret's name without the environment → value, in the form that shared/settings.py reads."""
    clients = {bank_id: (f"tok-{bank_id}", secrets.token_urlsafe(32)) for bank_id in _own_banks(environment)}
    values = {
        "signing-key": base64.b64encode(secrets.token_bytes(32)).decode(),
        "bank-clients": json.dumps(clients),
    }
    if environment == "sandbox":
        values["sandbox-bank-clients"] = json.dumps(
            {
                client_id: {"secret": secret, "redirect_uris": [f"{public_url}/callback"], "name": "Tok"}
                for client_id, secret in clients.values()
            }
        )
    return values


def _own_banks(environment: Environment) -> list[str]:
    """Banks that we register at by ourselves: the sandbox's."""
    if environment == "live":
        return []
    nowhere = BankSettings(sandbox_bank_url="", client_credentials={}, timeout_seconds=0)
    return [bank.id for bank in catalogue(nowhere, environment)]


def add_missing(values: dict[str, str], *, project: str, environment: Environment) -> list[str]:
    """Ids of the secrets that got their first version. All or none of `values`: some of them belong together.

    Raises SystemExit where some have a version and others have none.
    """
    ids = {name: f"{environment}-{name}" for name in values}
    missing = [name for name, secret_id in ids.items() if not _versions(secret_id, project=project)]
    if missing and len(missing) < len(values):
        raise SystemExit(
            f"{', '.join(ids[name] for name in missing)}: no version, while other secrets of {environment} have one. "
            "Client credentials of Tok and of the sandbox's bank must agree: add these by hand."
        )
    for name in missing:
        _gcloud("versions", "add", ids[name], "--data-file=-", project=project, standard_input=values[name])
    return [ids[name] for name in missing]


def _versions(secret_id: str, *, project: str) -> list[Any]:
    listed: list[Any] = json.loads(
        _gcloud("versions", "list", secret_id, "--filter=state=ENABLED", "--format=json", project=project)
    )
    return listed


def _gcloud(*arguments: str, project: str, standard_input: str = "") -> str:
    done = subprocess.run(
        ["gcloud", "secrets", *arguments, f"--project={project}", "--quiet"],
        input=standard_input,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout


def main(arguments: list[str] | None = None) -> int:
    options = argparse.ArgumentParser(prog="python -m infra.first_secrets", description=__doc__)
    options.add_argument("--project", required=True)
    options.add_argument("--environment", choices=sorted(PUBLIC_URLS), required=True)
    options.add_argument("--public-url", help="the API's base URL, where it is not Tok's own")
    chosen = options.parse_args(arguments)
    values = first_values(chosen.environment, public_url=chosen.public_url or PUBLIC_URLS[chosen.environment])
    try:
        added = add_missing(values, project=chosen.project, environment=chosen.environment)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"first_secrets: {error}", file=sys.stderr)
        return 1
    print(
        "\n".join(f"{secret_id}: first version added" for secret_id in added) or "every secret has a version"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
