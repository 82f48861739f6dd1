"""Set-up: the right Python, once, and a plain message whatever goes wrong. Nothing here installs anything."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import bootstrap
from scripts.bootstrap import SetupError


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout without an environment."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "bootstrap.py").write_text("")
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "requirements-dev.txt").write_text("boto3==1.0\nuv==0.13.8\n    # via -r requirements-dev.in\n")
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / ".venv" / ".setup-stamp")
    return tmp_path


@pytest.fixture
def commands(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The steps that would run; making .venv makes a link to this Python in place of a copy."""
    ran: list[list[str]] = []

    def note(step: str, command: list[str]) -> None:
        ran.append(command)
        if command[1:3] == ["-m", "venv"]:
            (checkout / ".venv" / "bin").mkdir(parents=True)
            (checkout / ".venv" / "bin" / "python").symlink_to(sys.executable)
            (checkout / ".venv" / "bin" / "pip").write_text(f"#!{checkout}/.venv/bin/python\n")

    monkeypatch.setattr(bootstrap, "run", note)
    return ran


def test_the_file_can_be_read_by_an_old_python() -> None:
    ast.parse(Path(bootstrap.__file__).read_text(), feature_version=(3, 8))


@pytest.mark.parametrize(
    ("version", "works"), [((3, 10), False), ((3, 11), True), ((3, 14), True), ((3, 15), False), ((2, 7), False)]
)
def test_python_3_11_to_3_14_are_suitable(version: tuple[int, int], works: bool) -> None:
    assert bootstrap.suitable(version) is works


def test_an_interpreter_that_does_not_run_has_no_version(tmp_path: Path) -> None:
    shim = tmp_path / "python3.13"
    shim.write_text("#!/bin/sh\necho 'command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    assert bootstrap.version_of(str(shim)) is None
    assert bootstrap.version_of(str(tmp_path / "nothing")) is None
    assert bootstrap.version_of(sys.executable) == sys.version_info[:2]


def test_an_old_python_hands_over_to_a_suitable_one_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "python3.13").write_text("#!/bin/sh\nexit 127\n")
    (tmp_path / "python3.13").chmod(0o755)
    (tmp_path / "python3.12").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 8, 18, "final", 0))
    monkeypatch.setattr(bootstrap, "OLDEST", (3, 11))
    assert bootstrap.find_interpreter() == str(tmp_path / "python3.12")


def test_without_a_suitable_python_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 8, 18, "final", 0))
    with pytest.raises(SetupError, match=r"needs Python 3\.11.*is 3\.8(.|\n)*PYTHON="):
        bootstrap.find_interpreter()


def test_set_up_installs_pinned_packages_and_the_second_run_does_nothing(commands: list[list[str]]) -> None:
    assert bootstrap.main() == 0
    steps = [" ".join(command[1:]) for command in commands]
    assert any("pip" in step and "uv==0.13.8" in step for step in steps)
    assert any(step.startswith("pip sync") and step.endswith("requirements-dev.txt") for step in steps)
    assert any(step.startswith("pip install") and step.endswith("-e .") and "--no-deps" in step for step in steps)
    commands.clear()
    assert bootstrap.main() == 0
    assert commands == []


@pytest.mark.parametrize("name", ["requirements-dev.txt", "pyproject.toml"])
def test_a_changed_requirement_means_a_new_set_up_in_the_same_environment(
    commands: list[list[str]], checkout: Path, name: str
) -> None:
    bootstrap.main()
    (checkout / name).write_text((checkout / name).read_text() + "# changed\n")
    commands.clear()
    assert bootstrap.main() == 0
    assert commands
    assert not [command for command in commands if command[1:3] == ["-m", "venv"]]


def test_an_environment_that_was_copied_from_elsewhere_is_made_anew(commands: list[list[str]], checkout: Path) -> None:
    bootstrap.main()
    (checkout / ".venv" / "bin" / "pip").write_text("#!/elsewhere/.venv/bin/python\n")
    bootstrap.STAMP.unlink()
    commands.clear()
    assert bootstrap.main() == 0
    assert commands[0][1:3] == ["-m", "venv"]


def test_when_uv_fails_pip_installs_and_says_why(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    note = bootstrap.run

    def refuse_uv(step: str, command: list[str]) -> None:
        if command[0].endswith("/uv"):
            raise SetupError("Installing with uv failed:\n  no index", "error: no index")
        note(step, command)

    monkeypatch.setattr(bootstrap, "run", refuse_uv)
    assert bootstrap.main() == 0
    assert ["-r", "requirements-dev.txt"] in [command[-2:] for command in commands]
    assert "uv could not (error: no index)" in capsys.readouterr().out


def test_a_failed_set_up_leaves_no_stamp_and_tells_the_fix(
    checkout: Path, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bootstrap.main()
    (checkout / "pyproject.toml").write_text("# changed\n")

    def fail(step: str, command: list[str]) -> None:
        raise SetupError(f"{step} failed: no network")

    monkeypatch.setattr(bootstrap, "run", fail)
    assert bootstrap.main() == 1
    assert not bootstrap.STAMP.exists()
    assert "no network" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("Could not find a version\nERROR: No matching distribution found for uv", "package index"),
        ("error: Failed to fetch: dns error", "package index"),
        ("The virtual environment was not created because ensurepip is not available", "python3-venv"),
        ("OSError: No space left on device", "disk is full"),
        ("something else", "delete .venv"),
    ],
)
def test_the_advice_fits_the_complaint(output: str, words: str) -> None:
    assert words in bootstrap.advice(output)


def test_an_installer_s_complaint_is_shown_without_a_traceback(checkout: Path) -> None:
    with pytest.raises(SetupError, match=r"Trying failed:\n +first\n +second") as caught:
        bootstrap.run("Trying", [sys.executable, "-c", "import sys; print('first\\nsecond'); sys.exit(1)"])
    assert caught.value.summary == "first"


def test_the_file_runs_on_its_own_and_says_nothing_when_there_is_nothing_to_do(checkout: Path) -> None:
    # As a program, with no package of ours to import.
    code = Path(bootstrap.__file__).read_text()
    (checkout / "scripts" / "bootstrap.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", "import runpy; runpy.run_path('scripts/bootstrap.py')"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
