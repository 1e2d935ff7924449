"""The gateway's documents for Terraform: what `gateway_document` renders, with a place for each function's address.

`python -m infra.gateway_template` writes `dist/gateway.<environment>.json`. An address is `${backends.<function>}`:
Terraform's `templatestring` fills it, localcloud renders the same document with addresses of this machine.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from infra.gateway_document import JsonObject, render

ENVIRONMENTS = ("live", "sandbox")
_ROOT = Path(__file__).resolve().parents[1]


def placeholder(function: str) -> str:
    return f"${{backends.{function}}}"


def template(openapi: Mapping[str, Any], manifest: Mapping[str, Any], *, environment: str) -> JsonObject:
    """The document of `environment` with placeholders for addresses and audiences.

    Paths of functions that the environment does not have are left out.
    Raises UnknownBackend for an operation without a function that a gateway calls, and ValueError where the
    document's own text would be taken for a placeholder.
    """
    functions = [
        name for name, entry in manifest["functions"].items() if environment in entry["environments"]
    ]
    _refuse_templates([openapi["info"], list(openapi["paths"])])
    return render(
        openapi, manifest, addresses={name: placeholder(name) for name in functions}, environment=environment
    )


def _refuse_templates(part: object) -> None:
    text = json.dumps(part)
    if "${" in text or "%{" in text:
        raise ValueError("the document holds ${ or %{, which Terraform would take for a template")


def write(folder: Path, *, openapi: Path, manifest: Path) -> list[Path]:
    """One file an environment, the same bytes for the same sources."""
    folder.mkdir(parents=True, exist_ok=True)
    documents = yaml.safe_load(openapi.read_text()), yaml.safe_load(manifest.read_text())
    written = []
    for environment in ENVIRONMENTS:
        path = folder / f"gateway.{environment}.json"
        path.write_text(json.dumps(template(*documents, environment=environment), indent=1) + "\n")
        written.append(path)
    return written


def main(arguments: list[str] | None = None) -> int:
    options = argparse.ArgumentParser(prog="python -m infra.gateway_template", description=__doc__)
    options.add_argument("--openapi", type=Path, default=_ROOT / "docs/api/openapi.yaml")
    options.add_argument("--manifest", type=Path, default=_ROOT / "functions/manifest.yaml")
    options.add_argument("--output", type=Path, default=_ROOT / "dist")
    chosen = options.parse_args(arguments)
    for path in write(chosen.output, openapi=chosen.openapi, manifest=chosen.manifest):
        print(path)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
