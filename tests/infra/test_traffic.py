"""Rolling back by traffic, against a gcloud that keeps services in a file and notes what it was asked."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.traffic import TrafficFailed, main, restore, serving

GCLOUD = """#!{python}
import json, sys
from pathlib import Path
folder = Path({folder!r})
arguments = sys.argv[1:]
with (folder / "asked").open("a") as asked:
    asked.write(json.dumps(arguments) + "\\n")
assert arguments[:2] == ["run", "services"] and "--project=p" in arguments and "--region=r" in arguments
services = json.loads((folder / "services.json").read_text())
if arguments[2] == "list":
    listed = [dict(metadata=dict(name=name), status=dict(traffic=traffic)) for name, traffic in services.items()]
    print(json.dumps(listed))
elif arguments[2] == "update-traffic":
    name = arguments[3]
    revision, percent = arguments[4].removeprefix("--to-revisions=").split("=")
    if name == (folder / "broken").read_text():
        sys.exit("PERMISSION_DENIED")
    services[name] = [dict(revisionName=revision, percent=int(percent))]
    (folder / "services.json").write_text(json.dumps(services))
else:
    sys.exit("unrecognized")
"""
FUNCTIONS = ["accounts", "sync_consent"]
PLACE = {"project": "p", "region": "r"}


class Cloud:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "broken").write_text("")
        script = folder / "gcloud"
        script.write_text(GCLOUD.format(python=sys.executable, folder=str(folder)))
        script.chmod(0o755)

    def run(self, **services: str | list[dict[str, Any]]) -> None:
        (self._folder / "services.json").write_text(
            json.dumps(
                {
                    name.replace("_", "-"): (
                        [{"revisionName": traffic, "percent": 100, "latestRevision": True}]
                        if isinstance(traffic, str)
                        else traffic
                    )
                    for name, traffic in services.items()
                }
            )
        )

    def breaks(self, name: str) -> None:
        (self._folder / "broken").write_text(name)

    @property
    def asked(self) -> list[list[str]]:
        return [json.loads(line) for line in (self._folder / "asked").read_text().splitlines()]


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    folder = tmp_path / "cloud"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return Cloud(folder)


def test_only_toks_functions_are_recorded(cloud: Cloud) -> None:
    cloud.run(
        live_accounts="live-accounts-00007-abc", sandbox_sync_consent="s-00002-x", somebodys_service="y-00001"
    )

    assert serving(functions=FUNCTIONS, **PLACE) == {
        "live-accounts": "live-accounts-00007-abc",
        "sandbox-sync-consent": "s-00002-x",
    }


def test_traffic_goes_back_where_it_moved_and_nowhere_else(cloud: Cloud) -> None:
    cloud.run(live_accounts="a-1", live_sync_consent="s-1")
    recorded = serving(functions=FUNCTIONS, **PLACE)
    cloud.run(live_accounts="a-2", live_sync_consent="s-1", sandbox_accounts="new-1")

    assert restore(recorded, functions=FUNCTIONS, **PLACE) == {"live-accounts": "a-1"}

    assert serving(functions=FUNCTIONS, **PLACE) == {
        "live-accounts": "a-1",
        "live-sync-consent": "s-1",
        "sandbox-accounts": "new-1",
    }
    assert len([asked for asked in cloud.asked if asked[2] == "update-traffic"]) == 1
    assert restore(recorded, functions=FUNCTIONS, **PLACE) == {}, "a second roll-back has nothing to do"


def test_a_service_that_refuses_does_not_keep_the_others(cloud: Cloud) -> None:
    cloud.run(live_accounts="a-2", live_sync_consent="s-2")
    cloud.breaks("live-accounts")

    with pytest.raises(TrafficFailed, match="live-accounts: gcloud: PERMISSION_DENIED"):
        restore({"live-accounts": "a-1", "live-sync-consent": "s-1"}, functions=FUNCTIONS, **PLACE)

    assert serving(functions=FUNCTIONS, **PLACE) == {"live-accounts": "a-2", "live-sync-consent": "s-1"}


def test_split_traffic_is_not_recorded_as_if_one_revision_had_it(cloud: Cloud) -> None:
    cloud.run(live_accounts=[{"revisionName": "a-1", "percent": 90}, {"revisionName": "a-2", "percent": 10}])

    with pytest.raises(TrafficFailed, match="live-accounts splits"):
        serving(functions=FUNCTIONS, **PLACE)


def test_a_tag_without_traffic_is_no_split(cloud: Cloud) -> None:
    cloud.run(live_accounts=[{"revisionName": "a-1", "percent": 100}, {"revisionName": "a-2", "tag": "try"}])

    assert serving(functions=FUNCTIONS, **PLACE) == {"live-accounts": "a-1"}


def test_the_commands_record_and_roll_back(cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / "bundles.json").write_text(json.dumps({"functions": dict.fromkeys(FUNCTIONS)}))
    place = ["--project=p", "--region=r", f"--dist={tmp_path}"]
    assert main(["rollback", *place]) == 1, "nothing was recorded"
    cloud.run(live_accounts="a-1")
    assert main(["record", *place]) == 0
    cloud.run(live_accounts="a-2")

    assert main(["rollback", *place]) == 0

    assert serving(functions=FUNCTIONS, **PLACE) == {"live-accounts": "a-1"}


def test_without_gcloud_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "bundles.json").write_text(json.dumps({"functions": {}}))

    assert main(["record", "--project=p", "--region=r", f"--dist={tmp_path}"]) == 1
    assert "gcloud" in capsys.readouterr().err
