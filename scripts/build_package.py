"""Builds what a function's package holds, for `sam build`: pinned wheels for the runtime, our code, and bytecode.

Needs nothing but the standard library and `uv`, so that any Python from 3.9 on can build for the functions' runtime.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

RUNTIME: Final = "3.13"
"""Python of the functions; template.yaml's Runtime says the same."""

PLATFORMS: Final = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
"""Wheels for Lambda's architectures: glibc 2.28 or older (its own is 2.34). jsonschema-rs has none for manylinux2014,
2.17."""

UNZIPPED_LIMIT: Final = 250 * 1024 * 1024
"""Bytes that Lambda takes unzipped; it refuses the deploy beyond."""

ROOT: Final = Path(__file__).resolve().parent.parent
_IN_LAMBDA: Final = "/var/task"
_CLIENTS: Final = Path("pik", "adapters", "client", "clients.py")
_UNUSED_FOLDERS: Final = ("tests", "examples")  # of a library, below its top level
_NOT_PACKAGED: Final = shutil.ignore_patterns("__pycache__", "*.pyc", "*.md", ".*")


class BuildError(Exception):
    """The package cannot be built; the message says why and how to fix it."""


def find_uv(root: Path) -> list[str]:
    """The command that runs uv: of the project's environment, of the PATH, or as a module. Raises BuildError."""
    candidates = [root / ".venv" / "bin" / "uv", Path(sys.executable).with_name("uv")]
    found = next((str(path) for path in candidates if path.is_file()), None) or shutil.which("uv")
    if found:
        return [found]
    as_module = [sys.executable, "-m", "uv"]
    if _output([*as_module, "--version"]) is not None:
        return as_module
    raise BuildError(
        "uv, which fetches the packages, was not found: neither in .venv nor on the PATH. `pip install uv` installs it."
    )


def platform_of(architecture: str) -> str:
    """The platform of the wheels for a value of template.yaml's Architecture. Raises BuildError for anything else."""
    if architecture not in PLATFORMS:
        raise BuildError(
            f"no wheels for the architecture {architecture}, only for {' and '.join(PLATFORMS)}. "
            "The function's Metadata in template.yaml needs ContextPath: !Sub 'scripts/architectures/${Architecture}'."
        )
    return PLATFORMS[architecture]


def install(
    into: Path, source: Path, root: Path, uv: Sequence[str], architecture: str = "arm64", more: Sequence[str] = ()
) -> None:
    """Put the pinned requirements into `into`, as wheels for the runtime, and those of the files `more` of `source`.

    Raises BuildError.
    """
    constraints = root / "requirements-dev.txt"  # pins what the requirements need in turn: what was tested is what runs
    command = [
        *uv,
        "pip",
        "install",
        "--quiet",
        *("--link-mode", "copy"),  # a link would let a change of the package reach uv's cache
        *("--python-platform", platform_of(architecture)),
        *("--python-version", RUNTIME),
        *("--only-binary", ":all:"),
        *(part for name in ("requirements.txt", *more) for part in ("--requirement", str(source / name))),
        *(("--constraint", str(constraints)) if constraints.is_file() else ()),
        *("--target", str(into)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        names = " and ".join(["requirements.txt", *more])
        raise BuildError(f"uv could not install the packages of {names} in {source}:\n{done.stderr.strip()}")
    for scripts in (into / "bin", into / ".lock"):  # commands that no function runs, and uv's own file
        if scripts.is_dir():
            shutil.rmtree(scripts)
        else:
            scripts.unlink(missing_ok=True)


def copy_code(into: Path, source: Path) -> None:
    """Copy the handlers and `pik/` with its schemas. Raises BuildError when there are no handlers."""
    handlers = sorted(source.glob("*.py"))
    if not handlers:
        raise BuildError(f"no handlers in {source}")
    for handler in handlers:
        shutil.copyfile(handler, into / handler.name)
    shutil.copytree(source / "pik", into / "pik", ignore=_NOT_PACKAGED, dirs_exist_ok=True)


def services_of(code: Path) -> frozenset[str]:
    """The AWS services whose clients the code makes, as botocore names them. Raises BuildError.

    They are the list SERVICES of the module that makes the clients. Every other place that names a service to a call
    must name one of the list, so that no client is missing from the package.
    """
    listed: set[str] = set()
    for node in ast.walk(ast.parse((code / _CLIENTS).read_text(encoding="utf-8"))):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "SERVICES":
            listed = set(ast.literal_eval(node.value)) if node.value else set()
    if not listed:
        raise BuildError(f"{_CLIENTS} has no list SERVICES, from which the package gets its AWS services.")
    for path in sorted(code.glob("*.py")) + sorted((code / "pik").rglob("*.py")):
        unlisted = set(_named_services(path)) - listed
        if unlisted:
            raise BuildError(
                f"{path.relative_to(code)} makes a client of {', '.join(sorted(unlisted))}, which SERVICES in "
                f"{_CLIENTS} does not list. Add it there; the package leaves out every other service."
            )
    return frozenset(listed)


def _named_services(path: Path) -> Iterator[str]:
    """The texts that a module gives to `client(…)`, `_client(…)`, `create_client(…)` and `resource(…)`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, (ast.Attribute, ast.Name)):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        if name not in {"client", "_client", "create_client", "resource"}:
            continue
        given = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "service_name")]
        yield from (value.value for value in given if isinstance(value, ast.Constant) and isinstance(value.value, str))


def leave_out_unused(into: Path, services: Iterable[str]) -> None:
    """Remove what no function loads: the data of AWS services without a client, and libraries' tests and examples.

    Files directly in botocore's data (endpoints, partitions, retries, defaults) serve all services and stay. Raises
    BuildError when the data of a needed service is missing.
    """
    data = into / "botocore" / "data"
    if data.is_dir():
        needed = set(services)
        missing = sorted(name for name in needed if not any((data / name).glob("*/service-2.json*")))
        if missing:
            raise BuildError(
                f"botocore has no data of {', '.join(missing)}: SERVICES in {_CLIENTS} names no such service."
            )
        for directory in data.iterdir():
            if directory.is_dir() and directory.name not in needed:
                shutil.rmtree(directory)
    for library in into.iterdir():
        for name in _UNUSED_FOLDERS:
            if library.name != "pik" and (library / name).is_dir():
                shutil.rmtree(library / name)


def find_runtime_python(uv: Sequence[str]) -> str | None:
    """An interpreter of the functions' version that starts, or None. A pyenv shim exists without starting one."""
    return next((python for python in _runtime_candidates(uv) if _version_of(python) == RUNTIME), None)


def _runtime_candidates(uv: Sequence[str]) -> Iterator[str]:
    name = f"python{RUNTIME}"
    yield sys.executable
    for directory in os.get_exec_path():
        candidate = shutil.which(name, path=directory)
        if candidate:
            yield candidate
    found = _output([*uv, "python", "find", "--no-python-downloads", RUNTIME])
    if found:
        yield found
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(
        (str(path) for path in pyenv.glob(f"versions/{RUNTIME}.*/bin/{name}")), key=_natural, reverse=True
    )


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", text)]


def _version_of(python: str) -> str | None:
    return _output([python, "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])


def _output(command: Sequence[str]) -> str | None:
    """What a command printed, or None when it did not run or failed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def compile_bytecode(into: Path, python: str) -> None:
    """Compile all of `into`, in place. Raises BuildError.

    Bytecode that is not checked against its source is what Lambda can use: its file system keeps no times, and looking
    is what the compiling was meant to save. Paths are those in Lambda, so that two builds of one source are equal.
    """
    command = [
        *(python, "-I", "-m", "compileall", "-q", "-j", "0"),
        *("--invalidation-mode", "unchecked-hash"),
        *("-s", str(into), "-p", _IN_LAMBDA),
        str(into),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"{python} could not compile the package:\n{(done.stdout + done.stderr).strip()}")


def size_of(into: Path) -> int:
    """Bytes of all files. Raises BuildError when Lambda would refuse them."""
    size = sum(path.stat().st_size for path in into.rglob("*") if path.is_file())
    if size > UNZIPPED_LIMIT:
        raise BuildError(f"the package has {size / 1e6:.0f} MB unzipped; Lambda takes {UNZIPPED_LIMIT / 1e6:.0f} MB")
    return size


def build(into: Path, root: Path, architecture: str = "arm64", more: Sequence[str] = ()) -> None:
    """Build the package of `root`'s `src/` in `into` with the requirements of `more` files too, and say what it became.

    Raises BuildError.
    """
    source = root / "src"
    into = into.resolve()
    into.mkdir(parents=True, exist_ok=True)
    services = services_of(source)
    uv = find_uv(root)
    install(into, source, root, uv, architecture, more)
    leave_out_unused(into, services)
    copy_code(into, source)
    python = find_runtime_python(uv)
    if python:
        compile_bytecode(into, python)
        bytecode = f"bytecode by {python}"
    else:
        bytecode = (
            f"NO bytecode: there is no Python {RUNTIME} here. The package works, but its functions start colder. "
            f"`uv python install {RUNTIME}` gets one; then build again."
        )
    print(
        f"package for {architecture}: {size_of(into) / 1e6:.1f} MB unzipped, {bytecode}"
    )  # sam build shows what goes to stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0, or 1 with a message when the package cannot be built."""
    parser = argparse.ArgumentParser(description="Build a function's package, for `sam build`.")
    parser.add_argument("--into", required=True, type=Path, help="directory to fill; sam build passes ARTIFACTS_DIR")
    parser.add_argument("--architecture", default="arm64", help="of the functions: arm64 (default) or x86_64")
    parser.add_argument("--with", dest="more", action="append", default=[], help="another file of requirements in src/")
    options = parser.parse_args(arguments)
    try:
        build(options.into, ROOT, options.architecture, options.more)
    except BuildError as error:
        print(f"build_package: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
