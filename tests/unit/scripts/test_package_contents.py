"""What the functions' package leaves out and for which architecture it is: nothing that a function needs is missing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import cached_property
from pathlib import Path

import botocore
import pytest

from pik.adapters.client.clients import SERVICES, Clients
from scripts.build_package import BuildError, leave_out_unused, services_of

ROOT = Path(__file__).parents[3]
SRC = ROOT / "src"
CLIENTS = sorted(name for name, value in vars(Clients).items() if isinstance(value, cached_property))
LOAD = """
import json, sys
from pik.adapters.client.clients import Clients
made = {}
for tuned in (True, False):
    for name in json.loads(sys.argv[1]):
        client = getattr(Clients(tuned=tuned), name)
        if name != "session":
            made[name] = client.meta.service_model.service_name
from botocore.session import Session
left_out = "iam" not in Session().get_available_services()
print(json.dumps({"made": made, "left_out": left_out}))
"""


@pytest.fixture
def slimmed(tmp_path: Path) -> Path:
    """A package with a real botocore, slimmed for the services of src."""
    package = tmp_path / "package"
    shutil.copytree(Path(botocore.__file__).parent, package / "botocore", ignore=shutil.ignore_patterns("__pycache__"))
    leave_out_unused(package, services_of(SRC))
    return package


def test_every_client_that_the_code_can_make_loads_from_the_slimmed_package(slimmed: Path) -> None:
    environment = {
        "PYTHONPATH": os.pathsep.join([str(slimmed), str(SRC)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    command = [sys.executable, "-c", LOAD, json.dumps(CLIENTS)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stdout)
    assert set(loaded["made"].values()) == set(SERVICES), "SERVICES has a service without a client, or lacks one"
    assert loaded["left_out"]


def test_what_serves_all_services_stays_and_every_other_service_goes(slimmed: Path) -> None:
    data = slimmed / "botocore" / "data"
    kept = {path.name for path in data.iterdir()}
    shared = {"_retry.json", "endpoints.json", "partitions.json", "sdk-default-configuration.json"}
    assert kept == shared | set(SERVICES)
    assert sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) < 5_000_000


def test_the_services_are_those_that_the_clients_are_made_of() -> None:
    assert services_of(SRC) == set(SERVICES)


def small(root: Path, text: str, services: str = 'SERVICES: Final = ["s3", "ssm"]') -> Path:
    """A tree of code whose clients module lists services, and another module."""
    clients = root / "pik" / "adapters" / "client" / "clients.py"
    clients.parent.mkdir(parents=True)
    clients.write_text(f"from typing import Final\n\n{services}\n", encoding="utf-8")
    (root / "pik" / "other.py").write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    "text",
    [
        'x = self._client("secretsmanager")',
        'x = session.create_client("secretsmanager", config=None)',
        'x = session.create_client(service_name="secretsmanager")',
        'import boto3\nx = boto3.client("secretsmanager")',
        'from boto3 import client\nx = client("secretsmanager")',
    ],
)
def test_a_client_of_a_service_that_is_not_listed_fails_the_build(tmp_path: Path, text: str) -> None:
    with pytest.raises(BuildError, match=r"pik/other\.py makes a client of secretsmanager.*Add it there"):
        services_of(small(tmp_path, text))


def test_a_client_of_a_listed_service_is_fine(tmp_path: Path) -> None:
    assert services_of(small(tmp_path, 'x = make("iam").client("ssm")')) == {"s3", "ssm"}


@pytest.mark.parametrize("services", ["", "SERVICES: Final = []"])
def test_without_a_list_of_services_the_build_fails_and_leaves_nothing_out(tmp_path: Path, services: str) -> None:
    with pytest.raises(BuildError, match="no list SERVICES"):
        services_of(small(tmp_path, "", services))


def test_a_service_that_botocore_does_not_know_fails_the_build(tmp_path: Path) -> None:
    model = tmp_path / "botocore" / "data" / "s3" / "2006-03-01" / "service-2.json.gz"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"")
    leave_out_unused(tmp_path, ["s3"])
    with pytest.raises(BuildError, match="no data of stepfunction:"):
        leave_out_unused(tmp_path, ["s3", "stepfunction"])
    assert model.exists()


def test_tests_and_examples_of_libraries_are_left_out_and_modules_of_these_names_deeper_stay(tmp_path: Path) -> None:
    for name in ("regex/tests", "boto3/examples", "lib/core/tests", "pik/tests", "lib-1.0.dist-info"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file.py").write_text("", encoding="utf-8")
    leave_out_unused(tmp_path, [])
    kept = sorted(str(path.parent.relative_to(tmp_path)) for path in tmp_path.rglob("file.py"))
    assert kept == ["lib-1.0.dist-info", "lib/core/tests", "pik/tests"]
