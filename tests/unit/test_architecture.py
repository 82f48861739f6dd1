"""The plan of the house: imports run one way, nothing runs in circles, nothing is left that nobody uses, and only the
places that may know AWS, the clock or the environment do."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
SRC: Final = ROOT / "src"
SCRIPTS: Final = ROOT / "scripts"

ENTRY_POINTS: Final = frozenset(path.stem for path in SRC.glob("*.py"))
ROOMS: Final = ("shared", "http", "event", "webhook", "process", "replay", "redrive", "operate")
"""Of the domain, from the ground up. The last three stand side by side: none imports another."""

SIDE_BY_SIDE: Final = frozenset({"replay", "redrive", "operate"})

MAY_IMPORT: Final[Mapping[str, frozenset[str]]] = {
    "entry point": frozenset({"entry", "settings", "flows", "adapters"}),
    "entry": frozenset({"settings", "observability"}),
    "flows": frozenset({"flows", "adapters", "domain", "settings", "observability", "workers", "schemas", "webhooks"}),
    "adapters": frozenset({"adapters", "domain", "workers"}),
    "workers": frozenset({"domain"}),
    "domain": frozenset({"domain"}),
    "schemas": frozenset(),
    "webhooks": frozenset(),
    "settings": frozenset(),
    "observability": frozenset({"domain"}),
    "command": frozenset({"command", "domain", "adapters", "workers", "schemas"}),
}
"""Layer to what it may import of ours. `pik.__version__`, a constant, is everybody's."""

IMPURE: Final = frozenset(
    ["boto3", "botocore", "os", "time", "random", "secrets", "uuid", "socket", "threading", "concurrent", "logging"]
)
CLOCKS: Final = frozenset(["now", "utcnow", "today", "monotonic", "perf_counter"])

CALLED_BY_OTHERS: Final[Mapping[str, str]] = {
    "list_available_services": "botocore's Loader",
    "headers_to_sign": "botocore's SigV4Auth",
    "payload": "botocore's SigV4Auth",
    "signature": "botocore's SigV4Auth",
    "get_all": "botocore's SigV4Auth",
    "validate": "jsonschema-rs, of a keyword's class",
    "_func_from_json": "jmespath's interpreter",
    "_func_from_base64": "jmespath's interpreter",
    "invoke": "click's Group",
    "do_GET": "http.server's BaseHTTPRequestHandler",
    "do_POST": "http.server's BaseHTTPRequestHandler",
    "log_message": "http.server's BaseHTTPRequestHandler",
}
"""Definitions whose only callers are libraries."""


DISPATCHING: Final = frozenset({"benchmarks.meter"})
"""Modules that call their own definitions by names that they put together."""


@cache
def modules() -> dict[str, Path]:
    """Every module of src, scripts and benchmarks by the name under which others import it."""
    found = {path.relative_to(SRC): path for path in SRC.rglob("*.py")}
    found |= {path.relative_to(SCRIPTS): path for path in (SCRIPTS / "pik_cli").rglob("*.py")}
    found |= {
        path.relative_to(ROOT): path
        for folder in (SCRIPTS, ROOT / "benchmarks")
        for path in folder.rglob("*.py")
        if "pik_cli" not in path.parts
    }
    return {".".join(name.with_suffix("").parts).removesuffix(".__init__"): path for name, path in found.items()}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def imported(path: Path) -> Iterator[str]:
    """What a module imports, wherever in it: modules, and names with the module that they are taken from."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(path: Path) -> set[str]:
    """The modules of ours that a module imports."""
    return {name for name in imported(path) if name in modules()} - {"pik", "pik_cli", "scripts"}


def layer(name: str) -> str:
    parts = name.split(".")
    if name in ENTRY_POINTS:
        return "entry point"
    if parts[0] == "pik":
        return parts[1] if len(parts) > 1 else "version"
    return "command" if parts[0] == "pik_cli" else parts[0]


def in_layer(wanted: str) -> list[str]:
    found = sorted(name for name in modules() if layer(name) == wanted)
    assert found, wanted
    return found


def test_nothing_is_imported_in_circles() -> None:
    arrows = {name: ours(path) - {name} for name, path in modules().items()}
    circle: list[str] = []
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        circle = error.args[1]
    assert circle == [], " -> ".join(circle)


@pytest.mark.parametrize("wanted", MAY_IMPORT)
def test_layers_import_downwards_only(wanted: str) -> None:
    for name in in_layer(wanted):
        up = {target for target in ours(modules()[name]) if layer(target) not in MAY_IMPORT[wanted] | {"version"}}
        assert not up, f"{name} imports {sorted(up)}"


def test_every_folder_of_the_kit_is_a_layer_with_a_rule() -> None:
    known = {*MAY_IMPORT, "version", "scripts", "benchmarks"}
    assert {layer(name) for name in modules()} <= known


def test_rooms_of_the_domain_import_downwards_only() -> None:
    rooms = {name.split(".")[2] for name in in_layer("domain") if len(name.split(".")) > 2}
    assert rooms == set(ROOMS)
    for name in in_layer("domain"):
        room = name.split(".")[2] if "." in name.removeprefix("pik.") else ""
        for target in ours(modules()[name]):
            other = target.split(".")[2] if target.count(".") > 1 else ""
            if other in {"", room}:
                continue
            beside = {room, other} <= SIDE_BY_SIDE
            assert ROOMS.index(other) < ROOMS.index(room), f"{name} imports {target}"
            assert not beside, f"{name} imports {target}"


@pytest.mark.parametrize("name", in_layer("domain"))
def test_the_domain_is_pure(name: str) -> None:
    path = modules()[name]
    assert not {target.partition(".")[0] for target in imported(path)} & IMPURE
    called = {node.attr for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)}
    assert not called & CLOCKS


def test_only_adapters_know_botocore() -> None:
    users = {
        layer(name)
        for name, path in modules().items()
        if path.is_relative_to(SRC) and {"boto3", "botocore"} & {target.partition(".")[0] for target in imported(path)}
    }
    assert users == {"adapters"}


CLIENT_CALL: Final = re.compile(r"self\._(dynamodb|events|s3|secretsmanager|sqs|ssm|stepfunctions)\.[a-z_]+\(")
WITHOUT_CLIENT: Final = frozenset({"pik.adapters.sns"})
"""What gets public documents of a service over HTTPS."""

FORMS: Final = frozenset({"pik.adapters.dynamodb.items", "pik.adapters.sqs.entries"})
"""Adapters' shared forms of requests and answers."""

THROUGH_BATCHES: Final = frozenset({"pik.adapters.dynamodb.applied_events", "pik.adapters.dynamodb.failure_ledger"})
"""Stores whose calls BatchTable makes."""


def test_every_adapter_calls_aws() -> None:
    """What calls no service is a flow, or a rule of the domain."""
    for name in in_layer("adapters"):
        path = modules()[name]
        if path.name == "__init__.py" or name in FORMS | WITHOUT_CLIENT or name.startswith("pik.adapters.client."):
            continue
        if name in THROUGH_BATCHES:
            assert "pik.adapters.dynamodb.batch_table" in ours(path)
        else:
            assert CLIENT_CALL.search(path.read_text("utf-8")), f"{name} calls no service"


DECIDING: Final = re.compile(r"pik\.domain\.\w+\.\w+\.(decide|judge|plan|choose|next|read|take|refus)\w*")


def test_adapters_decide_nothing() -> None:
    """They move values of the domain in and out of AWS. Its decisions are flows' to ask for, and so are its modules of
    requests, plans and judgements as wholes."""
    for name in in_layer("adapters"):
        taken = [target for target in imported(modules()[name]) if DECIDING.fullmatch(target)]
        assert not taken, f"{name} imports {taken}"


def test_flows_call_no_client_themselves() -> None:
    for name in in_layer("flows"):
        text = modules()[name].read_text("utf-8")
        assert not re.search(r"clients\.\w+\.\w+\(", text), name
        assert not CLIENT_CALL.search(text), name


def test_only_settings_read_the_environment() -> None:
    readers = [
        name
        for name, path in modules().items()
        if path.is_relative_to(SRC) and {"os", "os.environ", "os.getenv"} & set(imported(path))
    ]
    assert readers == ["pik.settings"]


def test_groups_of_the_command_share_the_shell_alone() -> None:
    """Each folder is a group; what two of them need is in `shell`, and so a group can be loaded alone."""
    for name in in_layer("command"):
        parts = name.split(".")
        if len(parts) < 3:
            continue
        for target in ours(modules()[name]):
            group = target.split(".")[1] if target.startswith("pik_cli.") else "shell"
            assert group in {parts[1], "shell"}, f"{name} imports {target}"


def test_only_scripts_local_knows_the_engine() -> None:
    texts = {name: path.read_text("utf-8").lower() for name, path in modules().items()}
    knowing = {name for name, text in texts.items() if "ministack" in text}
    assert knowing
    assert all(name.startswith("scripts.local.") for name in knowing), knowing


def test_nothing_that_is_deployed_knows_this_machine() -> None:
    deployed = [*sorted(SRC.rglob("*.py")), ROOT / "template.yaml", *sorted((SRC / "pik" / "schemas").glob("*.json"))]
    deployed += sorted((SRC / "pik" / "webhooks").glob("*.toml"))
    for path in deployed:
        text = path.read_text("utf-8").lower()
        for word in ("ministack", "localhost", "127.0.0.1"):
            assert word not in text, path.name


def definitions(path: Path) -> Iterator[tuple[str, ast.AST]]:
    """The functions, classes and methods of a module that are somebody's to call, and its constants."""
    for node in ast.walk(tree(path)):
        named = isinstance(node, ast.FunctionDef | ast.ClassDef)
        if named and not node.name.startswith("__") and not is_registered(node):
            yield node.name, node
    for node in tree(path).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, node


def is_registered(node: ast.AST) -> bool:
    """Whether a decorator hands the definition to somebody who calls it: `@app.command()`."""
    return any(
        isinstance(it, ast.Call) and isinstance(it.func, ast.Attribute) and it.func.attr in {"command", "callback"}
        for it in getattr(node, "decorator_list", ())
    )


def test_every_definition_is_used() -> None:
    texts = [path.read_text("utf-8") for path in modules().values()]
    texts += [(ROOT / name).read_text("utf-8") for name in ("template.yaml", "pyproject.toml", "Makefile")]
    mentioned = Counter(re.findall(r"[A-Za-z_]\w*", "\n".join(texts)))
    defined = Counter(name for path in modules().values() for name, _ in definitions(path))
    unused = {
        f"{module}: {name}"
        for module, path in modules().items()
        for name, _ in definitions(path)
        if mentioned[name] <= defined[name] and name not in CALLED_BY_OTHERS and module not in DISPATCHING
    }
    assert not unused


def test_a_class_name_stands_for_one_thing() -> None:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path in [*modules().values(), *sorted((ROOT / "tests").rglob("*.py"))]:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_files_and_functions_stay_readable() -> None:
    for path in modules().values():
        assert path.read_text("utf-8").count("\n") <= 400, path.name
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                signature = node.body[0].lineno - node.lineno
                assert length - signature <= 50, f"{path.name}: {node.name}"
