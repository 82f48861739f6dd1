"""The wheel: what it holds, what it needs, and that it works where nothing else is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pik import __version__

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
UV = Path(sys.executable).parent / "uv"
IMPORT_EVERYTHING = """
import importlib, pkgutil, pik_cli
for module in pkgutil.walk_packages(pik_cli.__path__, "pik_cli."):
    importlib.import_module(module.name)
"""


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """The wheel, built from a copy: an earlier build of the checkout leaves files behind that would get into it."""
    checkout = tmp_path / "checkout"
    for name in ("src", "scripts"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout / name)
    build = [str(UV), "build", "--wheel", "--no-build-isolation", "--quiet", "--out-dir", str(tmp_path)]
    build += ["--python", sys.executable, str(checkout)]
    subprocess.run(build, check=True, capture_output=True)
    return next(tmp_path.glob("*.whl"))


def test_it_holds_the_kit_and_the_command_with_their_data_and_nothing_else(wheel: Path) -> None:
    assert wheel.name == f"pipeline_investigation_kit-{__version__}-py3-none-any.whl"
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert {name.split("/")[0] for name in names} == {"pik", "pik_cli"}
    ours = {
        path.relative_to(folder).as_posix()
        for folder, package in ((ROOT / "src", "pik"), (ROOT / "scripts", "pik_cli"))
        for path in (folder / package).rglob("*")
        if path.suffix in {".py", ".json", ".toml", ".typed"}
    }
    assert {"pik/py.typed", "pik_cli/py.typed"} < ours
    assert any(name.startswith("pik/schemas/") and name.endswith(".json") for name in ours)
    assert set(names) == ours


def test_it_runs_where_nothing_else_is_installed(wheel: Path, tmp_path: Path) -> None:
    """Installs from the usual index: it takes some seconds."""
    venv, work = tmp_path / "venv", tmp_path / "work"
    work.mkdir()
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PIK_", "PYTHON"))}
    bare.pop("VIRTUAL_ENV", None)
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, venv], check=True, env=bare)
    install = [UV, "pip", "install", "--quiet", "--python", venv / "bin" / "python", wheel]
    subprocess.run(install, check=True, env=bare)

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        line = [venv / "bin" / command[0], *command[1:]]
        return subprocess.run(line, cwd=work, env=bare, capture_output=True, text=True, check=False)

    assert run("python", "-c", IMPORT_EVERYTHING).stderr == ""
    assert run("python", "-c", "import boto3").returncode == 1
    shown = run("pik", "--version")
    assert (shown.returncode, shown.stdout) == (0, f"pik {__version__}\n")
    shown = run("pik", "--help")
    assert (shown.returncode, "Dead letters: look, decide" in shown.stdout) == (0, True)
    shown = run("pik", "status")
    assert shown.returncode == 2
    assert shown.stdout == ""
    assert "No stack is named" in shown.stderr
    assert "--stack or PIK_STACK" in shown.stderr
    assert "`make run` in a checkout of the kit" in shown.stderr


def declared() -> Iterator[Requirement]:
    """Every requirement of the project, of its extras and of its groups."""
    lists = [
        PROJECT["project"]["dependencies"],
        *PROJECT["dependency-groups"].values(),
    ]
    return (Requirement(text) for texts in lists for text in texts)


def pinned(name: str) -> dict[str, Requirement]:
    lines = (ROOT / name).read_text("utf-8").splitlines()
    found = [Requirement(line.partition(" #")[0]) for line in lines if line and not line.startswith(("#", "-r", " "))]
    return {it.name.lower(): it for it in found}


def version_of(requirement: Requirement) -> str:
    (specifier,) = requirement.specifier
    return specifier.version


def test_what_is_developed_with_and_deployed_lies_within_the_ranges() -> None:
    direct = pinned("requirements-dev.in") | pinned("src/requirements.txt") | pinned("src/requirements-webhook.txt")
    locked = pinned("requirements-dev.txt")
    names = {it.name.lower() for it in declared()}
    assert set(direct) <= names
    assert names - set(direct) == {"botocore"}, "boto3 pins it, for the functions and for development"
    for it in declared():
        for pins in (direct, locked):
            found = pins.get(it.name.lower())
            if found is not None and found.specifier:
                assert it.specifier.contains(version_of(found)), it
                assert it.extras == (direct.get(it.name.lower()) or it).extras, it


def test_the_version_stands_in_one_place() -> None:
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert "version" not in PROJECT["project"]
    assert PROJECT["tool"]["setuptools"]["dynamic"] == {"version": {"attr": "pik.__version__"}}
