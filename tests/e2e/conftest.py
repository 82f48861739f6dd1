"""One engine and one stack for all tests that only add events; the others start their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts.local.aws import EngineAws
from scripts.local.deploy import LOCAL_PARAMETERS, deploy
from scripts.local.engine import Engine, any_free_port
from tests.e2e.pipeline import EnginePipeline

# Two deliveries and not five before a message is dead: the least that the template takes, so that tests wait less.
QUICK = {**LOCAL_PARAMETERS, "MaxReceiveCount": "2"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this directory runs the local engine; with xdist they stay in one worker."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.xdist_group("e2e"))


@contextmanager
def running(directory: Path, parameters: Mapping[str, str] = QUICK) -> Iterator[EnginePipeline]:
    """A pipeline with an engine of its own."""
    with Engine(any_free_port(), directory / "engine", directory / "engine.log") as engine:
        engine.wait_ready()
        aws = EngineAws(engine.endpoint)
        yield EnginePipeline(engine, aws, deploy(aws, parameters))


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnginePipeline]:
    with running(tmp_path_factory.mktemp("pipeline")) as running_pipeline:
        yield running_pipeline
