"""The diagrams are those of their sources, and two of them are those of the code. No renderer is needed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from scripts.docs import diagrams

ROOT = Path(__file__).parents[3]
SOURCES = sorted(diagrams.FOLDER.glob("*.dot"))
KIT = ROOT / "src" / "pik"
DOMAIN = KIT / "domain"
SVG = "{http://www.w3.org/2000/svg}"
NODE = re.compile(r"^\s*(\w+) \[(.*)\]$")
EDGE = re.compile(r"^\s*(\w+) -> (\w+)(?: \[(.*)\])?$")
LABEL = re.compile(r'\blabel="([^"]*)"')
NO_NODES = {"node", "edge", "graph"}


@dataclass
class Diagram:
    """What a source draws: labels by node, edges with their labels, and all label lines."""

    nodes: dict[str, str] = field(default_factory=dict)
    edges: list[tuple[str, str, str]] = field(default_factory=list)
    cluster: list[str] = field(default_factory=list)

    @property
    def texts(self) -> set[str]:
        labels = [*self.nodes.values(), *(label for _, _, label in self.edges)]
        return {line.strip() for label in labels for line in label.split(r"\n") if line.strip()}


def read(path: Path) -> Diagram:
    found, inside = Diagram(), False
    for line in path.read_text("utf-8").splitlines():
        inside = "subgraph" in line or (inside and line.strip() != "}")
        edge, node = EDGE.match(line), NODE.match(line)
        if edge:
            label = LABEL.search(edge[3] or "")
            found.edges.append((edge[1], edge[2], label[1] if label else ""))
        elif node and node[1] not in NO_NODES:
            label = LABEL.search(node[2])
            assert label, f"{path.name}: {node[1]} has no label"
            found.nodes[node[1]] = label[1]
            if inside:
                found.cluster.append(node[1])
    return found


def drawn(path: Path) -> list[str]:
    tree = ElementTree.fromstring(path.with_suffix(".svg").read_text("utf-8"))  # noqa: S314 (our own file)
    return ["".join(it.itertext()).replace("\u00a0", " ").strip() for it in tree.iter(f"{SVG}text")]


def of(name: str) -> Diagram:
    return read(diagrams.FOLDER / f"{name}.dot")


def test_each_diagram_has_a_source_and_a_picture() -> None:
    assert {path.stem for path in SOURCES} == {"failing-path", "flow", "layers", "redrive-states"}
    assert {path.stem for path in diagrams.FOLDER.glob("*.svg")} == {path.stem for path in SOURCES}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_every_label_of_a_source_is_text_in_its_picture(path: Path) -> None:
    source = read(path)
    assert len(source.nodes) > 5
    assert source.texts <= set(drawn(path))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_a_picture_draws_the_nodes_and_edges_of_its_source_and_no_others(path: Path) -> None:
    source = read(path)
    tree = ElementTree.fromstring(path.with_suffix(".svg").read_text("utf-8"))  # noqa: S314 (our own file)
    titles: dict[str, list[str]] = {"node": [], "edge": []}
    for group in tree.iter(f"{SVG}g"):
        if group.get("class") in titles:
            titles[str(group.get("class"))].append(str(group.findtext(f"{SVG}title")))
    assert sorted(titles["node"]) == sorted(source.nodes)
    assert sorted(titles["edge"]) == sorted(f"{tail}->{head}" for tail, head, _ in source.edges)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_a_picture_has_its_own_background_and_loads_nothing(path: Path) -> None:
    text = path.with_suffix(".svg").read_text("utf-8")
    assert '<polygon fill="white" stroke="none"' in text
    assert not re.search(r"(?:href|src)=|url\(|@import", text)


def machine_edges(machine: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    yield "start", machine["StartAt"], ""
    for name, state in machine["States"].items():
        if "Next" in state:
            yield name, state["Next"], ""
        for choice in state.get("Choices", ()):
            yield name, choice["Next"], choice["StringEquals"]
        if "Default" in state:
            yield name, state["Default"], "END"
        for catch in state.get("Catch", ()):
            yield name, catch["Next"], "error"


def test_the_states_of_a_redrive_are_those_of_its_state_machine() -> None:
    machine = yaml.safe_load((ROOT / "statemachines" / "redrive.asl.yaml").read_text("utf-8"))
    diagram = of("redrive-states")
    assert set(diagram.nodes) == {"start", *machine["States"]}
    assert sorted(diagram.edges) == sorted(machine_edges(machine))


def folders(parent: Path) -> set[str]:
    return {path.name for path in parent.iterdir() if path.is_dir() and any(path.glob("*.py"))}


def below(diagram: Diagram, name: str) -> set[str]:
    """What may be imported from there, by the arrows."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        heads = {head for tail, head, _ in diagram.edges if tail == waiting[-1]} - found
        waiting.pop()
        found |= heads
        waiting.extend(heads)
    return found


def test_the_layers_are_the_folders_of_the_package() -> None:
    drawn_layers = set(of("layers").nodes) - set(of("layers").cluster) - {"entry_points", "pik_cli", "local"}
    assert {*drawn_layers, "domain", "schemas", "webhooks"} == folders(KIT)


def test_the_rooms_are_the_folders_of_the_domain() -> None:
    assert set(of("layers").cluster) == folders(DOMAIN)


@pytest.mark.parametrize("room", of("layers").cluster)
def test_a_room_imports_only_what_its_arrows_lead_to(room: str) -> None:
    allowed = {room, *below(of("layers"), room)}
    imported = {
        name.split(".")[2]
        for path in (DOMAIN / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module
        for name in (
            [f"{node.module}.{it.name}" for it in node.names] if node.module == "pik.domain" else [node.module]
        )
        if name.startswith("pik.domain.")
    }
    assert imported <= allowed


def test_without_node_drawing_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(diagrams.CannotDraw, match=r"node and npm not found.*apt-get install nodejs npm"):
        diagrams.draw(tmp_path, tmp_path)
