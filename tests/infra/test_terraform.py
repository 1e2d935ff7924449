"""infra/terraform: what its text must never hold, and its own tests, run against the providers' real schemas."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import gateway_template
from localcloud.stack import plan
from localcloud.stack.environments import base_environment, function_environment
from localcloud.stack.plan import Plan

ROOT = Path(__file__).parents[2]
TERRAFORM = ROOT / "infra/terraform"
TOOL = ROOT.parent / "shared/tools/terraform-check/terraform-check"
FILES = sorted(path for path in TERRAFORM.rglob("*.tf") if ".terraform" not in path.parts)
MANIFEST = yaml.safe_load((ROOT / "functions/manifest.yaml").read_text())
SOURCES = ["functions/manifest.yaml", "firestore.rules", "firestore.indexes.json"]

# What terraform-check says when it could not get the providers' schemas from the package registry.
_NO_SCHEMAS = re.compile(r"No matching distribution|Could not find a version|Max retries|Failed to establish")


def text() -> str:
    return "\n".join(path.read_text() for path in FILES)


def resources(kind: str) -> list[str]:
    """The blocks of every resource of a kind. Blocks end at the first line that is a brace alone."""
    return re.findall(rf'^resource "{kind}" "\w+" \{{\n(.*?)^\}}$', text(), flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(
    "kind",
    [
        "google_firestore_database",
        "google_kms_crypto_key",
        "google_secret_manager_secret",
        "google_identity_platform_config",
    ],
)
def test_what_cannot_be_made_again_is_never_destroyed(kind: str) -> None:
    blocks = resources(kind)

    assert blocks
    assert all(re.search(r"^\s+prevent_destroy\s+= true$", block, flags=re.MULTILINE) for block in blocks)


@pytest.mark.parametrize(
    "forbidden",
    [
        "google_secret_manager_secret_version",  # the value would lie in the state
        "google_service_account_key",
        "google_project_iam_policy",  # replaces every grant of the project
        "roles/owner",
        "roles/editor",
        "allAuthenticatedUsers",
        "cryptoKeyEncrypterDecrypter",  # who needs both is given both by name
        "cloudfunctions2_function_iam",  # does not hold for the second generation
    ],
)
def test_no_file_holds(forbidden: str) -> None:
    assert [path.name for path in FILES if forbidden in path.read_text()] == []


def test_the_state_lies_in_a_bucket_of_its_own_that_keeps_versions() -> None:
    """Made by hand before the first `terraform init`, which is told its name: so the operator's steps must say so."""
    (backend,) = re.findall(r'^  backend "(\w+)" \{\n(.*?)^  \}$', text(), flags=re.DOTALL | re.MULTILINE)
    assert backend[0] == "gcs"
    assert "bucket" not in backend[1]
    assert "credentials" not in backend[1]

    steps = (ROOT / "docs/operations.md").read_text()
    made, versioned, used = (
        steps.index(command)
        for command in (
            "gcloud storage buckets create gs://$STATE_BUCKET",
            "gcloud storage buckets update gs://$STATE_BUCKET --versioning",
            "init -backend-config=bucket=$STATE_BUCKET",
        )
    )
    assert made < versioned < used
    assert "--public-access-prevention" in steps[made:versioned]


def test_what_clients_reach_is_under_the_tls_policy() -> None:
    """Its id is known once it is applied only, so that `terraform test` cannot compare it."""
    (proxy,) = resources("google_compute_target_https_proxy")
    assert re.search(r"^\s+ssl_policy\s+= google_compute_ssl_policy\.api\.id$", proxy, flags=re.MULTILINE)


def test_no_function_is_named() -> None:
    """Everything about functions comes from the manifest, so that a new one is one entry there."""
    groups = {group for entry in MANIFEST["functions"].values() for group in entry["settings"]}
    others = groups | {"live", "sandbox"}  # words with a meaning of their own
    names = "|".join(set(MANIFEST["functions"]) - others)
    quoted = re.compile(rf'"({names})"')
    assert [found for path in FILES for found in quoted.findall(path.read_text())] == []


def test_no_function_is_built_before_the_builder_may_build() -> None:
    granted = re.findall(
        r'^resource "(\w+)" "(\w+)" \{\n(?:(?!^\}$).*\n)*?  member +=  *google_service_account\.builder\.member$',
        (TERRAFORM / "builds.tf").read_text(),
        flags=re.MULTILINE,
    )
    assert len(granted) == 4
    environments = (TERRAFORM / "environments.tf").read_text()
    for module in ("live", "sandbox"):
        block = re.search(
            rf'^module "{module}" \{{\n(.*?)^\}}$', environments, flags=re.DOTALL | re.MULTILINE
        )
        assert block is not None
        waits_for = block[1][block[1].index("depends_on") :]
        assert [grant for grant in granted if f"{grant[0]}.{grant[1]}," not in waits_for] == []


# Beginning of a resource's kind → the service that has to be enabled for it.
SERVICES = {
    "google_api_gateway": ["apigateway", "servicecontrol", "servicemanagement"],
    "google_artifact_registry": ["artifactregistry"],
    "google_billing": ["billingbudgets"],
    "google_cloud_run": ["run"],
    "google_cloud_scheduler": ["cloudscheduler"],
    "google_cloud_tasks": ["cloudtasks"],
    "google_cloudfunctions2": ["cloudfunctions", "cloudbuild", "run", "artifactregistry"],
    "google_compute": ["compute"],
    "google_firebaserules": ["firebaserules"],
    "google_firestore": ["firestore"],
    "google_identity_platform": ["identitytoolkit"],
    "google_kms": ["cloudkms"],
    "google_logging": ["logging"],
    "google_monitoring": ["monitoring"],
    "google_project": ["cloudresourcemanager"],
    "google_secret_manager": ["secretmanager"],
    "google_service_account": ["iam", "iamcredentials"],
    "google_storage": ["storage"],
}


def test_every_service_that_a_resource_needs_is_enabled() -> None:
    listed = set(re.findall(r'"([a-z]+)\.googleapis\.com",', (TERRAFORM / "services.tf").read_text()))
    kinds = set(re.findall(r'^resource "(google_\w+)"', text(), flags=re.MULTILINE))

    needed = {kind: [prefix for prefix in SERVICES if kind.startswith(prefix)] for kind in kinds}
    assert [kind for kind, prefixes in needed.items() if not prefixes] == []
    assert listed == {service for services in SERVICES.values() for service in services}


def test_a_role_for_the_whole_project_is_one_of_those_that_are_known() -> None:
    """A grant that no assertion of the resource's own looks at would be seen by nobody."""
    granted = re.findall(r'^resource "google_project_iam_(\w+)" "(\w+)" \{', text(), flags=re.MULTILINE)
    assert sorted(granted) == [
        ("audit_config", "this"),
        ("member", "builder_logs"),
        ("member", "builder_sources"),
        ("member", "database"),
    ]


def test_every_variable_and_output_is_described_and_typed() -> None:
    for kind, needed in (("variable", ("type", "description")), ("output", ("value", "description"))):
        blocks = re.findall(rf'^{kind} "(\w+)" \{{\n(.*?)^\}}$', text(), flags=re.DOTALL | re.MULTILINE)
        assert blocks
        for name, block in blocks:
            for attribute in needed:
                assert re.search(rf"^  {attribute}\s+=", block, flags=re.MULTILINE), (
                    f"{kind} {name}: {attribute}"
                )


def test_the_readme_lists_every_variable_output_and_alert() -> None:
    readme = (TERRAFORM / "README.md").read_text()
    root = "\n".join(path.read_text() for path in TERRAFORM.glob("*.tf"))
    alerts = (TERRAFORM / "modules/environment/monitoring_alerts.tf").read_text()
    listed = [
        *re.findall(r'^variable "(\w+)"', root, flags=re.MULTILINE),
        *re.findall(r'^output "(\w+)"', root, flags=re.MULTILINE),
        *re.findall(r"^    (\w+) = \{\n      severity", alerts, flags=re.MULTILINE),
        "kms_errors",
    ]
    assert len(listed) > 20
    assert [name for name in listed if f"| `{name}` |" not in readme] == []


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """What Terraform reads, and what `make package` gives it, as a repository of its own."""
    root = tmp_path / "repository"
    shutil.copytree(TERRAFORM, root / "infra/terraform", ignore=shutil.ignore_patterns(".terraform*"))
    absent = [source for source in SOURCES if not (ROOT / source).is_file()]
    if absent:
        pytest.skip(f"{', '.join(absent)}: not in this tree yet, and infra/terraform was not tested without")
    for source in SOURCES:
        (root / source).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / source, root / source)
    gateway_template.write(
        root / "dist", openapi=ROOT / "docs/api/openapi.yaml", manifest=ROOT / "functions/manifest.yaml"
    )
    hashes = {name: hashlib.sha256(name.encode()).hexdigest() for name in MANIFEST["functions"]}
    index = {name: {"object": f"{name}-{sha}.zip", "sha256": sha} for name, sha in hashes.items()}
    (root / "dist/bundles.json").write_text(json.dumps({"functions": index}))
    subprocess.run(["git", "init", "-q", str(root)], check=True, timeout=60)
    return root


def expected_settings() -> dict[str, list[str]]:
    """Function → the variables that localcloud gives it, without where the local servers are."""
    names = ["gateway", *plan.PLATFORM, *MANIFEST["functions"]]
    stack = Plan(
        manifest_path=ROOT / "functions/manifest.yaml",
        openapi_path=ROOT / "docs/api/openapi.yaml",
        manifest=MANIFEST,
        ports={name: 20_000 + number for number, name in enumerate(names)},
    )
    secrets: dict[str, Any] = {"signingKey": "", "bankClients": {}}
    machine = {*base_environment(), "FIRESTORE_EMULATOR_HOST"}
    return {
        name: sorted(
            variable
            for variable in function_environment(stack, name, secrets=secrets)
            if variable not in machine and not variable.endswith("_ENDPOINT")
        )
        for name in stack.functions
    }


def add_settings_test(repository: Path) -> None:
    """The sandbox run of environment.tftest.hcl, with one more assertion: what localcloud gives each function."""
    source = (TERRAFORM / "tests/environment.tftest.hcl").read_text()
    head = source[: source.index('run "live"')]
    sandbox = source[source.index('run "sandbox"') :]
    up_to_assertions = sandbox[: sandbox.index("  assert {")].rpartition("  #")[0]
    (repository / "dist/settings.json").write_text(json.dumps(expected_settings()))
    (repository / "infra/terraform/tests/settings.tftest.hcl").write_text(
        head
        + up_to_assertions
        + """  assert {
    condition = alltrue([
      for name, variables in jsondecode(file("../../dist/settings.json")) :
      toset(variables) == setsubtract(toset(concat(
        keys(output.settings[name]),
        google_cloudfunctions2_function.this[name].service_config[0].secret_environment_variables[*].key,
      )), ["THREADS"])
    ])
    error_message = "A function has other settings here than on one machine."
  }
}
"""
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_terraform_validate_and_test(repository: Path) -> None:
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not here: infra/terraform was neither validated nor tested")
    if not TOOL.is_file():
        pytest.skip(
            f"{TOOL.name} is not here: infra/terraform was not tested (its README: terraform init, test)"
        )
    add_settings_test(repository)

    done = subprocess.run(
        [str(TOOL), str(repository / "infra/terraform"), "test"],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )

    said = done.stdout + done.stderr
    if done.returncode != 0 and "configuration is valid" not in said and _NO_SCHEMAS.search(said):
        pytest.skip(
            "the providers' schemas cannot be had from the package registry: infra/terraform was not tested"
        )
    assert done.returncode == 0, said
    assert re.search(r"Success! \d+ passed, 0 failed", said), said
    assert "settings.tftest.hcl... pass" in said
