"""The driver of `make mutate`: what it breaks, that it finds who notices, and that it leaves the checkout alone."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import libcst as cst
import pytest

from tests.mutation import __main__ as command
from tests.mutation.equivalents import entry, equivalents
from tests.mutation.mutants import FOLDERS, Site, mutate, sample, sites
from tests.mutation.operators import OURS
from tests.mutation.workspace import Workspace

ROOT: Final = Path(__file__).parents[2]

TOY: Final = '''"""Sums."""

from __future__ import annotations

LIMIT = 3


def total(numbers: list[int]) -> int:
    """Of what is under the limit."""
    summed = 0
    for number in numbers:
        if number < LIMIT:
            summed += number
    return summed


def unseen(text: str) -> bool:
    return text.startswith("never")


def unchecked() -> int:
    return 7
'''
TOY_TEST: Final = """from pik.domain.toy import total, unchecked


def test_total():
    unchecked()
    assert total([1, 2, 3, 4]) == 3
"""
TOY_RUNNER: Final = """from types import SimpleNamespace

from pik.domain.toy import unseen

SeedPlan = int


def run(seed):
    assert unseen("never mind")
    return SimpleNamespace(violation=None)
"""
TOY_SIMULATION: Final = """import sys

from tests.simulation.runner import run

try:
    run(0)
except AssertionError:
    print("seed 0: nothing is seen")
    sys.exit(1)
"""

EXAMPLES: Final = {
    "keyword_removed": ("get(Key=key, ConsistentRead=True)", {"get(Key=key, )", "get(ConsistentRead=True)"}),
    "entry_removed": ("{'a': 1, **more}", {"{**more}", "{'a': 1, }"}),
    "element_removed": ("{'a', 'b'}", {"{'b'}", "{'a', }"}),
    "exception_removed": (
        "try:\n    f()\nexcept (KeyError, TypeError):\n    pass",
        {"try:\n    f()\nexcept (TypeError, ):\n    pass", "try:\n    f()\nexcept (KeyError, ):\n    pass"},
    ),
    "member_removed": ("code in ('A', 'B')", {"code in ('B', )", "code in ('A', )"}),
    "case_never": (
        "match x:\n    case 'A':\n        f()\n    case _:\n        g()",
        {"match x:\n    case 'A' if False:\n        f()\n    case _:\n        g()"},
    ),
    "alternative_removed": (
        "match x:\n    case 1 | 2 | 3:\n        f()",
        {f"match x:\n    case {kept}:\n        f()" for kept in ("1 | 2", "2 | 3", "1 | 3")},
    ),
    "condition_never": ("if losses:\n    f()", {"if False:\n    f()"}),
    "half_forgotten": ("late and left", {"(late)", "(left)"}),
    "filter_removed": ("[x for x in y if x]", {"[x for x in y]"}),
    "arm_forgotten": ("a if due else b", {"(a)", "(b)"}),
    "raise_returns": ("def f():\n    raise Lost", {"def f():\n    return"}),
    "bound_zero": ("left() < RESERVE_MS", {"left() < 0"}),
    "number_zero": ("query(Limit=25)", {"query(Limit=0)"}),
    "statement_removed": ("failed |= refused", {"pass"}),
}


def mutants(path: Path, operator: str) -> set[str]:
    module, found = sites(path)
    made = [mutate("toy.py", module, site) for site in found if site.operator == operator]
    return {mutant.source.strip() for mutant in made if mutant}


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A tree with one module, one test of it, and a simulation that uses the rest of it."""
    recorder = (ROOT / "tests" / "mutation" / "recorder.py").read_text("utf-8")
    for name, text in {
        "src/pik/domain/toy.py": TOY,
        "tests/unit/domain/test_toy.py": TOY_TEST,
        "tests/mutation/recorder.py": recorder,
        "tests/simulation/runner.py": TOY_RUNNER,
        "tests/simulation/__main__.py": TOY_SIMULATION,
        "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["src"]\naddopts = ["--import-mode=importlib"]\n',
    }.items():
        file = tmp_path / "toy" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return tmp_path / "toy"


@pytest.mark.parametrize("name", [operator.__name__ for _, operator in OURS])
def test_an_operator_forgets_one_thing_at_a_time(tmp_path: Path, name: str) -> None:
    source, expected = EXAMPLES[name]
    file = tmp_path / "toy.py"
    file.write_text(source, "utf-8")
    assert mutants(file, name) == expected


@pytest.mark.parametrize(
    "source",
    [
        "import json",
        "from __future__ import annotations",
        "if TYPE_CHECKING:\n    from x import Y\n    Z = 3",
        'Row = Mapping["str", Any]',
        'T = TypeVar("T", bound=int)',
        'def f(x: Literal["a", "b"]) -> Literal["c"]: ...',
        'logger.warning("run not recorded", run_id=3)',
        '"""A text for people."""',
        'reason = "the run was not found"',
        "size = len(x)",
        'row = cast("Any", x)',
        "@dataclass(frozen=True, slots=True)\nclass Row: ...",
        'error = TypeError(f"no {kind} here")',
    ],
)
def test_what_no_test_could_notice_is_left_as_it_is(tmp_path: Path, source: str) -> None:
    file = tmp_path / "toy.py"
    file.write_text(source, "utf-8")
    assert sites(file)[1] == []


def test_a_bound_is_not_off_by_one_and_no_assertion_of_lengths_is_dropped(tmp_path: Path) -> None:
    file = tmp_path / "toy.py"
    file.write_text("LIMIT = 8\nx = zip(a, b, strict=True)", "utf-8")
    assert (
        mutants(file, "operator_number") == mutants(file, "operator_name") == mutants(file, "keyword_removed") == set()
    )
    assert mutants(file, "number_zero") == {"LIMIT = 0\nx = zip(a, b, strict=True)"}


def test_a_sample_is_of_so_many_lines_and_the_same_for_a_seed(toy: Path) -> None:
    first = sample(toy, 4, 1)
    assert len({mutant.lines for mutant in first}) == 4
    assert [mutant.name for mutant in sample(toy, 4, 1)] == [mutant.name for mutant in first]
    assert sample(toy, 3, 1) == first[:3]
    assert {tuple(mutant.name for mutant in sample(toy, 4, seed)) for seed in range(5)} != {
        tuple(mutant.name for mutant in first)
    }
    for mutant in first:
        assert ast.dump(ast.parse(mutant.source)) != ast.dump(ast.parse(TOY))


def test_a_line_that_is_added_elsewhere_leaves_the_other_mutants_alone(toy: Path) -> None:
    before = {mutant.name for mutant in sample(toy, 100, 1)}
    file = toy / "src/pik/domain/toy.py"
    file.write_text(TOY.replace("LIMIT = 3", "OTHER = 5\nLIMIT = 3"), "utf-8")
    after = {mutant.name for mutant in sample(toy, 100, 1)}
    assert before < after
    assert len(after) == len(before) + 1


def test_a_mutant_is_in_the_copy_and_only_while_it_is_tried(toy: Path, tmp_path: Path) -> None:
    (mutant,) = sample(toy, 1, 1)
    workspace = Workspace(toy, tmp_path / "copy")
    file, stat = workspace.root / mutant.path, (workspace.root / mutant.path).stat()
    with workspace.broken(mutant):
        assert file.read_text("utf-8") == mutant.source
    assert file.read_text("utf-8") == TOY
    assert file.stat().st_mtime_ns == stat.st_mtime_ns
    assert (toy / mutant.path).read_text("utf-8") == TOY


def test_the_command_names_who_killed_a_mutant_and_shows_what_survived(
    toy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "ROOT", toy)
    chosen = [mutant.name for mutant in sample(toy, 100, 1) if mutant.lines[0] in {13, 18, 22}]
    assert command.main(["--count", "100", "--jobs", "1", "--only", ",".join(chosen)]) == 1
    said = capsys.readouterr().out
    assert re.search(r"domain/toy.py:13 .*: killed by tests/unit/domain/test_toy.py::test_total", said)
    assert re.search(r"domain/toy.py:18 .*: killed by the simulation: seed 0: nothing is seen", said)
    assert re.search(r"domain/toy.py:22 .*: SURVIVED 1 tests", said)
    assert re.search(r"^-    return 7\n\+    return [08]$", said, re.MULTILINE)
    assert "[[equivalent]]\nfile = 'src/pik/domain/toy.py'" in said.replace("'''", "'")
    assert "2 killed (1 by tests, 1 by the simulation), 1 survived, 0 equivalent: 66.7% killed\nAt least 95%" in said


def test_tests_that_fail_without_a_mutant_come_first(
    toy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (toy / "tests/unit/domain/test_toy.py").write_text(TOY_TEST.replace("== 3", "== 4"), "utf-8")
    monkeypatch.setattr(command, "ROOT", toy)
    assert command.main(["--count", "1", "--jobs", "1"]) == 1
    assert "fix these first:\ntests/unit/domain/test_toy.py::test_total" in capsys.readouterr().out


def test_an_equivalent_mutant_is_found_again_by_its_text(toy: Path, tmp_path: Path) -> None:
    first, second = sample(toy, 2, 1)
    listed = tmp_path / "equivalent.toml"
    listed.write_text(entry(first).replace('reason = ""', 'reason = "toys"'), "utf-8")
    (equivalent,) = equivalents(listed)
    assert equivalent.is_of(first)
    assert not equivalent.is_of(second)


def test_each_equivalent_mutant_still_fits_the_code_and_has_a_reason() -> None:
    found: dict[str, tuple[cst.Module, list[Site]]] = {}
    for equivalent in equivalents():
        assert equivalent.file.startswith(FOLDERS)
        assert len(equivalent.reason.split()) > 4, equivalent
        file = ROOT / equivalent.file
        module, places = found.setdefault(equivalent.file, sites(file))
        texts = file.read_text("utf-8").splitlines()
        near = [
            site
            for site in places
            if site.function == equivalent.function
            and any(line.strip() in equivalent.before for line in texts[site.lines[0] - 1 : site.lines[1]])
        ]
        made = (mutate(equivalent.file, module, site) for site in near)
        assert any(mutant and equivalent.is_of(mutant) for mutant in made), equivalent
