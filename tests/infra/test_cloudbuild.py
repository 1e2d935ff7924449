"""Delivery's files name nothing that does not exist: make targets, files, steps, substitutions, tools."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
DOCKERFILE = (ROOT / "infra/builder/Dockerfile").read_text()
BUILDS = {
    name: yaml.safe_load((ROOT / name).read_text()) for name in ("cloudbuild.yaml", "cloudbuild.deploy.yaml")
}
STEPS = [(build, step["id"]) for build, content in BUILDS.items() for step in content["steps"]]
# https://cloud.google.com/build/docs/configuring-builds/substitute-variable-values
BUILT_IN = {"PROJECT_ID", "BUILD_ID", "COMMIT_SHA"}
FIELDS = {"id", "name", "args", "env", "secretEnv", "waitFor", "allowFailure"}


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):(?!=)", MAKEFILE, flags=re.MULTILINE))


def step_of(build: str, step_id: str) -> dict[str, Any]:
    return next(step for step in BUILDS[build]["steps"] if step["id"] == step_id)


def commands(step: dict[str, Any]) -> list[list[str]]:
    """Every command that a step runs, those inside a shell's line too."""
    args: list[str] = step["args"]
    if args[:2] != ["bash", "-c"]:
        return [args]
    assert len(args) == 3
    line = re.sub(r"\$\{?(\w+)\}?", r"\1", args[2])
    found: list[list[str]] = [[]]
    for token in shlex.shlex(line, posix=True, punctuation_chars=";&|{}"):
        if set(token) <= set(";&|{}"):
            found.append([])
        else:
            found[-1].append(token)
    return [command for command in found if command]


def substitutions(value: object) -> set[str]:
    return set(re.findall(r"(?<!\$)\$\{?([A-Z_][A-Z0-9_]*)\}?", yaml.safe_dump(value)))


def test_the_steps_are_those_of_a_delivery_in_their_order() -> None:
    assert [step["id"] for step in BUILDS["cloudbuild.yaml"]["steps"]] == [
        "test", "test-google", "check", "check-terraform", "package", "scan", "plan", "keep", "ask",
    ]  # fmt: skip
    assert [step["id"] for step in BUILDS["cloudbuild.deploy.yaml"]["steps"]] == [
        "fetch", "apply", "smoke", "rollback",
    ]  # fmt: skip


@pytest.mark.parametrize(("build", "step_id"), STEPS)
def test_every_command_exists(build: str, step_id: str) -> None:
    for command in commands(step_of(build, step_id)):
        match command[0]:
            case "make":
                assert command[1] in make_targets()
                for variable in command[2:]:
                    name = variable.partition("=")[0]
                    assert f"$({name})" in MAKEFILE, f"make {command[1]} does not read {name}"
            case "gcloud":
                assert command[1] in {"storage", "builds"}
                assert "google-cloud-cli" in DOCKERFILE
            case "test" | "touch" | "exit":
                continue
            case other:
                pytest.fail(f"{step_id} runs {other}, which is neither a make target nor gcloud")


@pytest.mark.parametrize(
    "step_id",
    [
        "test",
        "test-google",
        "check",
        "check-terraform",
        "package",
        "scan",
        "plan",
        "apply",
        "smoke",
        "rollback",
    ],
)
def test_what_a_person_can_run_is_what_the_step_runs(step_id: str) -> None:
    build = next(build for build, name in STEPS if name == step_id)

    assert step_id in {command[1] for command in commands(step_of(build, step_id)) if command[0] == "make"}


@pytest.mark.parametrize("build", BUILDS)
def test_steps_are_unique_and_wait_for_the_one_before(build: str) -> None:
    steps = BUILDS[build]["steps"]
    ids = [step["id"] for step in steps]

    assert len(ids) == len(set(ids))
    for before, step in itertools.pairwise(steps):
        assert step["waitFor"] == [before["id"]], "a step that runs beside another could pass it"
    assert "waitFor" not in steps[0]


@pytest.mark.parametrize("build", BUILDS)
def test_substitutions_are_declared_and_used(build: str) -> None:
    content = BUILDS[build]
    declared = set(content["substitutions"])
    used = substitutions({name: part for name, part in content.items() if name != "substitutions"})

    assert all(name.startswith("_") for name in declared)
    assert used - BUILT_IN == declared, (
        "Cloud Build (MUST_MATCH) refuses what is not declared, and what is not used"
    )
    assert substitutions(content["substitutions"]) <= BUILT_IN
    assert content["options"]["substitutionOption"] == "MUST_MATCH"
    assert content["options"]["dynamicSubstitutions"] is True


@pytest.mark.parametrize("build", BUILDS)
def test_fields_are_cloud_builds(build: str) -> None:
    assert set(BUILDS[build]) <= {"steps", "availableSecrets", "substitutions", "options", "timeout"}
    for step in BUILDS[build]["steps"]:
        assert set(step) <= FIELDS
        assert all(isinstance(argument, str) for argument in step["args"])


def test_secrets_are_taken_from_secret_manager_and_declared() -> None:
    for content in BUILDS.values():
        available = {entry["env"] for entry in content.get("availableSecrets", {}).get("secretManager", [])}
        wanted = {name for step in content["steps"] for name in step.get("secretEnv", [])}
        assert wanted == available
        plain = [entry for step in content["steps"] for entry in step.get("env", [])]
        assert not [entry for entry in plain if re.search(r"KEY|SECRET|PASSWORD", entry.partition("=")[0])]


def test_images_are_pinned() -> None:
    used = {step["name"] for content in BUILDS.values() for step in content["steps"]}
    assert len(used) == 1, "both halves run in one image"
    assert re.search(r"/builders/tok:[0-9]+$", used.pop())
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, flags=re.MULTILINE)
    assert bases
    for base in bases:
        assert re.search(r":\d+\.\d+\.\d+(-[a-z-]+)?$|@sha256:[0-9a-f]{64}$", base), (
            f"{base} is not one version"
        )
    assert re.search(r"^ARG GCLOUD_VERSION=\d+\.\d+\.\d+$", DOCKERFILE, flags=re.MULTILINE)


def test_the_builder_has_what_would_else_be_skipped() -> None:
    for tool in ("terraform", "chromium", "jre-headless", "cloud-firestore-emulator", "npx"):
        assert tool in DOCKERFILE, tool


def test_the_builder_runs_the_python_that_the_functions_run() -> None:
    variables = (ROOT / "infra/terraform/variables.tf").read_text()
    runtime = re.search(r'variable "runtime" \{.*?default\s+= "python(\d)(\d+)"', variables, flags=re.DOTALL)
    assert runtime is not None

    assert f"FROM python:{runtime[1]}.{runtime[2]}." in DOCKERFILE


def test_a_failed_smoke_test_rolls_back_and_fails_the_build() -> None:
    smoke, rollback = (step_of("cloudbuild.deploy.yaml", name) for name in ("smoke", "rollback"))

    assert smoke["allowFailure"] is True, "else the build would end before the roll-back"
    assert commands(smoke)[-1] == ["touch", "dist/smoke.passed"]
    assert rollback.get("allowFailure") is None
    run = commands(rollback)
    assert run[0] == ["test", "-f", "dist/smoke.passed"]
    assert run[1][:2] == ["make", "rollback"]
    assert run[-1] == ["exit", "1"]


def test_nothing_is_applied_without_approval() -> None:
    applying = {
        build
        for build, step_id in STEPS
        for command in commands(step_of(build, step_id))
        if "apply" in command
    }
    assert applying == {"cloudbuild.deploy.yaml"}
    operations = (ROOT / "docs/operations.md").read_text()
    created = re.search(r"triggers create [^`]*?--name=tok-deploy[^`]*?```", operations, flags=re.DOTALL)
    assert created is not None
    assert "--require-approval" in created[0]
    assert "--build-config=cloudbuild.deploy.yaml" in created[0]
    ask = step_of("cloudbuild.yaml", "ask")["args"]
    assert ask[:5] == ["gcloud", "builds", "triggers", "run", "tok-deploy"]
