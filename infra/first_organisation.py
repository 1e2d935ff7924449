"""An organisation and its first two keys, made by an operator: the one that the smoke test uses, or a first client.

    python -m infra.first_organisation --project P --name "Smoke test" --tier free --keys keys.json

Speaks to the control plane's database as whoever is signed in (`gcloud auth application-default login`). The keys are
shown nowhere: they go to a new file that only its owner can read, since they cannot be had a second time.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import get_args

from shared.domain.organisations import Tier
from shared.gcp.clients import firestore_client
from shared.gcp.organisation_store import OrganisationStore
from shared.use_cases.create_organisation import create_organisation


def main(arguments: list[str] | None = None) -> int:
    options = argparse.ArgumentParser(
        prog="python -m infra.first_organisation", description=__doc__.split("\n")[0]
    )
    options.add_argument("--project", required=True)
    options.add_argument("--name", required=True, help="of the organisation")
    options.add_argument("--tier", choices=get_args(Tier), required=True)
    options.add_argument("--keys", type=Path, required=True, help="a file that does not exist yet")
    chosen = options.parse_args(arguments)
    try:
        descriptor = os.open(chosen.keys, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        print(f"{chosen.keys} exists already; nothing was made.", file=sys.stderr)
        return 1
    with os.fdopen(descriptor, "w") as file:
        control = OrganisationStore(firestore_client(project=chosen.project, database="(default)"))
        created = create_organisation(chosen.name, tier=chosen.tier, organisations=control)
        keys = {"live": created.live_key, "sandbox": created.sandbox_key}
        json.dump({"organisation": created.organisation.id, **keys}, file)
    print(f"{created.organisation.id} was made; its keys are in {chosen.keys}.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
