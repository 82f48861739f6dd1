"""The functions' package: what goes in, for which runtime, compiled how, and what is said when something is missing."""

from __future__ import annotations

import marshal
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import build_package
from scripts.build_package import BuildError
from tests.template.stack import ROOT, resources, source

RUNTIME_LINE = f"echo {build_package.RUNTIME}"


def executable(path: Path, *lines: str) -> str:
    """A shell script at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines]) + "\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without uv and without a Python of the runtime's version; the directory is its PATH."""
    path = tmp_path / "bin"
    path.mkdir()
    old = executable(tmp_path / "old" / "python3", "echo 3.9; exit 1")
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setattr(build_package.sys, "executable", old)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project: two handlers, the package with a schema, and what must stay out."""
    root = tmp_path / "project"
    (root / "src" / "pik" / "schemas").mkdir(parents=True)
    (root / "src" / "pik" / "__pycache__").mkdir()
    (root / "src" / "pik" / "adapters" / "client").mkdir(parents=True)
    (root / "src" / "pik" / "adapters" / "client" / "clients.py").write_text(
        'from typing import Final\n\nSERVICES: Final = ["s3"]\n', encoding="utf-8"
    )
    for name in ("ingest.py", "publisher.py", "pik/__init__.py", "pik/settings.py"):
        (root / "src" / name).write_text(f"NAME = {name!r}\n", encoding="utf-8")
    (root / "src" / "pik" / "schemas" / "order.json").write_text("{}", encoding="utf-8")
    (root / "src" / "pik" / "__pycache__" / "settings.cpython-311.pyc").write_bytes(b"stale")
    (root / "src" / "requirements.txt").write_text("rfc8785==0.1.4\n", encoding="utf-8")
    (root / "requirements-dev.txt").write_text("rfc8785==0.1.4\n", encoding="utf-8")
    # In place of uv: notes its arguments and installs one module, a command and a lock file, as the real one does.
    executable(
        root / ".venv" / "bin" / "uv",
        f'[ "$1" = python ] && exit 1; printf "%s\\n" "$@" > {root}/uv.txt',
        "while [ $# -gt 1 ]; do shift; done",
        'mkdir -p "$1/bin" && echo "ONE = 1" > "$1/rfc8785.py" && touch "$1/.lock" "$1/bin/jp.py"',
    )
    return root


def files(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def test_uv_is_taken_from_the_projects_environment_first(alone: Path, project: Path) -> None:
    executable(alone / "uv")
    assert build_package.find_uv(project) == [str(project / ".venv" / "bin" / "uv")]


def test_uv_is_taken_from_the_path_when_there_is_no_environment(alone: Path, tmp_path: Path) -> None:
    found = executable(alone / "uv")
    assert build_package.find_uv(tmp_path) == [found]


def test_without_uv_the_message_says_how_to_get_it(alone: Path, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="pip install uv"):
        build_package.find_uv(tmp_path)


def test_a_shim_that_starts_nothing_is_passed_over(
    alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executable(alone / "python3.13", "exit 127")
    works = executable(tmp_path / "usr" / "python3.13", RUNTIME_LINE)
    monkeypatch.setenv("PATH", f"{alone}{os.pathsep}{tmp_path / 'usr'}")
    assert build_package.find_runtime_python(["uv"]) == works


def test_an_interpreter_that_uv_knows_is_found(alone: Path, tmp_path: Path) -> None:
    python = executable(tmp_path / "managed" / "python3.13", RUNTIME_LINE)
    uv = executable(tmp_path / "uv", f'[ "$*" = "python find --no-python-downloads 3.13" ] && echo {python}')
    assert build_package.find_runtime_python([uv]) == python


def test_the_latest_interpreter_of_pyenv_is_found(alone: Path, tmp_path: Path) -> None:
    for version in ("3.13.2", "3.13.10", "3.12.9"):
        minor = version.rpartition(".")[0]
        executable(tmp_path / "pyenv" / "versions" / version / "bin" / f"python{minor}", f"echo {minor}")
    latest = str(tmp_path / "pyenv" / "versions" / "3.13.10" / "bin" / "python3.13")
    assert build_package.find_runtime_python(["uv"]) == latest


def test_another_version_is_no_interpreter_of_the_runtime(alone: Path) -> None:
    executable(alone / "python3.13", "echo 3.12")
    assert build_package.find_runtime_python(["uv"]) is None


def test_the_package_holds_handlers_code_schemas_and_wheels_and_nothing_else(
    alone: Path, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{alone}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setattr(build_package, "find_runtime_python", lambda _: None)
    build_package.build(tmp_path / "out", project)
    assert files(tmp_path / "out") == [
        "ingest.py",
        "pik/__init__.py",
        "pik/adapters/client/clients.py",
        "pik/schemas/order.json",
        "pik/settings.py",
        "publisher.py",
        "rfc8785.py",
    ]
    said = capsys.readouterr().out
    assert "NO bytecode" in said
    assert "start colder" in said
    assert "uv python install 3.13" in said


def test_wheels_are_those_of_the_runtime_pinned_as_tested(
    alone: Path, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{alone}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setattr(build_package, "find_runtime_python", lambda _: None)
    build_package.build(tmp_path / "out", project)
    command = shlex.join((project / "uv.txt").read_text(encoding="utf-8").split())
    assert command.startswith("pip install ")
    for part in (
        "--python-platform aarch64-manylinux_2_28",
        "--python-version 3.13",
        "--only-binary :all:",
        f"--requirement {project}/src/requirements.txt",
        f"--constraint {project}/requirements-dev.txt",
        f"--target {tmp_path}/out",
    ):
        assert part in command


def test_a_function_may_have_more_requirements(
    alone: Path, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{alone}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setattr(build_package, "find_runtime_python", lambda _: None)
    monkeypatch.setattr(build_package, "ROOT", project)
    assert build_package.main(["--into", str(tmp_path / "out"), "--with", "requirements-webhook.txt"]) == 0
    command = shlex.join((project / "uv.txt").read_text(encoding="utf-8").split())
    for name in ("requirements.txt", "requirements-webhook.txt"):
        assert f"--requirement {project}/src/{name} " in command


def test_bytecode_is_never_checked_against_its_source_and_names_lambdas_paths(tmp_path: Path) -> None:
    module = tmp_path / "pik" / "module.py"
    module.parent.mkdir()
    module.write_text("def f():\n    return 1\n", encoding="utf-8")
    build_package.compile_bytecode(tmp_path, sys.executable)
    (compiled,) = tmp_path.rglob("*.pyc")
    data = compiled.read_bytes()
    assert int.from_bytes(data[4:8], "little") == 0b01  # PEP 552: by hash, not checked
    assert marshal.loads(data[16:]).co_filename == "/var/task/pik/module.py"  # noqa: S302 (compiled four lines above)


def test_two_builds_of_one_source_are_equal(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "module.py").write_text("VALUE = {1, 2, 3}\n", encoding="utf-8")
        build_package.compile_bytecode(tmp_path / name, sys.executable)
    first, second = ((path.name, path.read_bytes()) for path in sorted(tmp_path.rglob("*.pyc")))
    assert first == second


def test_source_that_does_not_compile_fails_the_build(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def\n", encoding="utf-8")
    with pytest.raises(BuildError, match=r"broken\.py"):
        build_package.compile_bytecode(tmp_path, sys.executable)


def test_a_package_that_lambda_would_refuse_fails_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "large.bin").write_bytes(bytes(1001))
    assert build_package.size_of(tmp_path) == 1001
    monkeypatch.setattr(build_package, "UNZIPPED_LIMIT", 1000)
    with pytest.raises(BuildError, match="Lambda takes"):
        build_package.size_of(tmp_path)


def test_what_uv_complains_of_is_passed_on_with_an_exit_status(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    executable(project / ".venv" / "bin" / "uv", "echo no usable wheels >&2; exit 1")
    monkeypatch.setattr(build_package, "ROOT", project)
    assert build_package.main(["--into", str(tmp_path / "out")]) == 1
    assert "no usable wheels" in capsys.readouterr().err


def test_the_package_is_built_for_the_templates_runtime_and_architectures() -> None:
    template = source()
    assert template["Globals"]["Function"]["Runtime"] == f"python{build_package.RUNTIME}"
    assert sorted(build_package.PLATFORMS) == sorted(template["Parameters"]["Architecture"]["AllowedValues"])


@pytest.mark.parametrize(("architecture", "machine"), [("arm64", "aarch64"), ("x86_64", "x86_64")])
def test_wheels_are_those_of_the_architecture(
    alone: Path, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str, machine: str
) -> None:
    monkeypatch.setenv("PATH", f"{alone}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setattr(build_package, "find_runtime_python", lambda _: None)
    monkeypatch.setattr(build_package, "ROOT", project)
    assert build_package.main(["--into", str(tmp_path / "out"), "--architecture", architecture]) == 0
    arguments = (project / "uv.txt").read_text(encoding="utf-8").split()
    assert arguments[arguments.index("--python-platform") + 1] == f"{machine}-manylinux_2_28"


def test_a_function_that_does_not_say_its_architecture_is_not_built(
    alone: Path, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build_package, "ROOT", project)
    assert build_package.main(["--into", str(tmp_path / "out"), "--architecture", "src"]) == 1
    assert "ContextPath: !Sub 'scripts/architectures/${Architecture}'" in capsys.readouterr().err


@pytest.mark.parametrize("architecture", build_package.PLATFORMS)
def test_sam_builds_every_function_with_a_target_that_calls_this_script(tmp_path: Path, architecture: str) -> None:
    for name, function in resources(source(), "AWS::Serverless::Function").items():
        assert function["Metadata"]["BuildMethod"] == "makefile", name
        makefile = (
            ROOT / function["Metadata"]["ContextPath"]["Fn::Sub"].replace("${Architecture}", architecture) / "Makefile"
        )
        done = subprocess.run(
            ["make", "--dry-run", "--makefile", str(makefile), f"build-{name}", "ARTIFACTS_DIR=/out"],
            cwd=tmp_path,
            # These tests may run under make themselves, whose flags are not meant for this one.
            env={key: value for key, value in os.environ.items() if key not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}},
            capture_output=True,
            text=True,
            check=True,
        )
        python, script, *rest = shlex.split(done.stdout)
        more = ["--with", "requirements-webhook.txt"] if name == "WebhookFunction" else []
        assert (python, rest) == ("python3", ["--architecture", architecture, "--into", "/out", *more])
        assert Path(script).resolve() == ROOT / "scripts" / "build_package.py"
