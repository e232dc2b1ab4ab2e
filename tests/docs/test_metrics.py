"""The pages and the dashboard name the metrics that `/metrics` has."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests import processes
from tests.chat.fetch import fetch
from tests.conftest import Connect
from tests.docs.pages import ROOT

DASHBOARD = json.loads((ROOT / "docs" / "grafana.json").read_text())
NOT_IN_THE_DASHBOARD: set[str] = set()
"""Metrics that it leaves out on purpose."""

SAMPLES = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
    "summary": ("_sum", "_count"),
}
"""What the names of a metric's samples end with, by its type."""


@pytest.fixture
async def metrics(server: processes.Web, connect: Connect, sid: str) -> dict[str, Metric]:
    """The metrics of a server that has talked and refused something, by name."""
    client = await connect(server, sid, role="A")
    await client.say("hi")
    await client.recv_event("chat.message")
    await client.send("nothing")
    await client.recv_event("error")
    await client.close()
    return {metric.name: metric for metric in text_string_to_metric_families(fetch(server, "/metrics").text)}


def names(metric: Metric) -> set[str]:
    """The names of its samples."""
    return {metric.name + ending for ending in SAMPLES[metric.type]}


def panels() -> Iterator[Any]:
    """All panels but the rows."""
    return (panel for panel in DASHBOARD["panels"] if panel["type"] != "row")


def named_in_the_dashboard() -> set[str]:
    """The metrics in the expressions of panels and variables."""
    expressions = [target["expr"] for panel in panels() for target in panel["targets"]]
    variables = [str(variable.get("definition", "")) for variable in DASHBOARD["templating"]["list"]]
    return {name for text in (*expressions, *variables) for name in re.findall(r"doqchat_\w+", text)}


async def test_the_dashboard_has_all_metrics_and_no_others(metrics: dict[str, Metric]) -> None:
    known = set[str]().union(*map(names, metrics.values()))
    named = named_in_the_dashboard()
    assert named - known == set()
    left_out = {name for name, metric in metrics.items() if not names(metric) & named}
    assert left_out == NOT_IN_THE_DASHBOARD


async def test_the_dashboard_groups_by_labels_that_the_metrics_have(metrics: dict[str, Metric]) -> None:
    labels = {
        name: set[str]().union(*(sample.labels for sample in metric.samples))
        for metric in metrics.values()
        if metric.samples
        for name in names(metric)
    }
    for panel in panels():
        for target in panel["targets"]:
            grouped = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", target["expr"]))))
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= grouped, panel["title"]
            for name in set(re.findall(r"doqchat_\w+", target["expr"])) & labels.keys():
                assert grouped <= labels[name], panel["title"]


def test_no_panel_of_the_dashboard_covers_another() -> None:
    covered = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(covered) == len(set(covered))
    assert max(x for x, _ in covered) < 24
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("language", ["en", "ko"])
async def test_the_table_of_metrics_has_exactly_those_of_the_server(language: str, metrics: dict[str, Metric]) -> None:
    page = (ROOT / "docs" / language / "production.md").read_text()
    rows = re.findall(r"^\| `(doqchat_\w+)` \| (\w+) \| ([^|]*) \| \S", page, re.M)
    exposed = {metric.name + ("_total" if metric.type == "counter" else ""): metric for metric in metrics.values()}
    assert {name: kind for name, kind, _ in rows} == {name: metric.type for name, metric in exposed.items()}
    assert len(rows) == len(exposed)
    for name, _, labels in rows:
        for sample in exposed[name].samples:
            assert sample.labels.keys() - {"le"} == set(re.findall(r"`(\w+)`", labels)), name
