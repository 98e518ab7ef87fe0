"""Grafana's files, as files: there is no server to load them into. Their queries are run by scripts/test-containers."""

import re

import pytest

from support import dashboards
from support.dashboards import POSTGRES, PROMETHEUS
from support.stack import ROOT

ALL = dashboards.load_all()
# Links and the home page of deploy/grafana point to these.
UIDS = {"overview": "sluice-overview", "quality": "sluice-quality", "vehicles": "sluice-vehicles",
        "internals": "sluice-internals", "ledger": "sluice-ledger"}
# Of Prometheus itself, and what every client exports (libs/metrics/process_metrics.cc).
FOREIGN = {"up", "ALERTS", "process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"}
each_dashboard = pytest.mark.parametrize("name", ALL)


def known_metrics():
    names = set(FOREIGN)
    for line in (ROOT / "tests/data/metrics.golden").read_text().splitlines():
        name, kind = line.split()[:2]
        names.add(name)
        if kind == "histogram":
            names |= {name + suffix for suffix in ("_bucket", "_sum", "_count")}
    rules = (ROOT / "deploy/prometheus/rules/recording.yml").read_text()
    return names | set(re.findall(r"record: (\S+)", rules))


def metrics_of(expression):
    """Names in a PromQL expression that stand for series."""
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\{[^}]*\}", "{}", bare)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", bare)
    words = re.findall(r"[a-zA-Z_:][\w:]*(?!\w*\s*\()(?![\w:])", re.sub(r"\[[^\]]*\]", "", bare))
    return {word for word in words if word not in {"or", "and", "unless", "offset", "bool", "by", "le", "inf"}}


def test_all_are_there():
    assert {name: dashboard["uid"] for name, dashboard in ALL.items()} == UIDS


@each_dashboard
def test_the_frame(name):
    dashboard = ALL[name]
    assert dashboard["title"].startswith("Sluice: ") and dashboard["description"]
    assert "sluice" in dashboard["tags"]  # by which the dashboards link to each other
    assert dashboard["schemaVersion"] >= 39 and dashboard["refresh"] and dashboard["time"]["to"] == "now"
    assert dashboard.get("id") is None, "ids are Grafana's own; the uid is what counts"
    assert dashboard["panels"]


@each_dashboard
def test_panels_can_be_read(name):
    for panel in dashboards.panels(ALL[name]):
        where = f"{name}: {panel['title']}"
        assert panel["title"] and panel["description"], f"{where}: a panel says what it shows"
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["type"] == "heatmap" or defaults.get("unit"), f"{where}: no unit"
        if panel["type"] in ("timeseries", "piechart"):
            assert panel["options"]["legend"]["showLegend"], f"{where}: no legend"
            unnamed = [t for t in panel["targets"] if "expr" in t and t["legendFormat"] in ("", "__auto")]
            assert not unnamed, f"{where}: the legend would show raw labels"
        if panel["type"] == "stat":
            assert defaults["thresholds"]["steps"], f"{where}: no thresholds"


@each_dashboard
def test_panels_do_not_overlap(name):
    taken, ids = {}, set()
    for panel in ALL[name]["panels"]:
        assert panel["id"] not in ids, f"{name}: two panels have the id {panel['id']}"
        ids.add(panel["id"])
        grid = panel["gridPos"]
        assert 0 <= grid["x"] and grid["x"] + grid["w"] <= 24, f"{name}: {panel['title']} is outside"
        for x in range(grid["x"], grid["x"] + grid["w"]):
            for y in range(grid["y"], grid["y"] + grid["h"]):
                assert (x, y) not in taken, f"{name}: {panel['title']} lies on {taken[x, y]}"
                taken[x, y] = panel["title"]


@each_dashboard
def test_data_sources_are_the_provisioned_ones(name):
    provisioned = (ROOT / "deploy/grafana/provisioning/datasources/sluice.yaml").read_text()
    sources = dict(re.findall(r"uid: (\S+)\n\s+type: (\S+)", provisioned))
    assert set(sources) == {PROMETHEUS, POSTGRES}
    for panel in dashboards.panels(ALL[name]):
        for source in [panel["datasource"], *(target["datasource"] for target in panel["targets"])]:
            assert sources.get(source["uid"]) == source["type"], f"{name}: {panel['title']}: {source}"
        kinds = {"expr" if t["datasource"]["uid"] == PROMETHEUS else "rawSql" for t in panel["targets"]}
        assert all(kind in target for kind in kinds for target in panel["targets"]), panel["title"]


@each_dashboard
def test_variables_are_declared(name):
    declared = {variable["name"]: "x" for variable in ALL[name]["templating"]["list"]}
    for query in dashboards.queries():
        if query.dashboard == name and not query.text.startswith("label_values"):
            dashboards.expand(query.text, declared)


def test_metrics_exist():
    known = known_metrics()
    asked = set()
    for query in dashboards.queries():
        if query.source != PROMETHEUS:
            continue
        inner = re.fullmatch(r"label_values\((.*), \w+\)", query.text)
        names = metrics_of(inner[1] if inner else query.text)
        assert names, f"{query}: no metric found in {query.text}"
        assert names <= known, f"{query}: unknown {names - known}"
        asked |= names
    assert len(asked) > 25, "the test reads fewer metrics than the dashboards show"


def test_the_reader_of_expressions_sees_unknown_metrics():
    expression = 'sum by (job) (rate(nonsense_total{pipeline="$pipeline"}[$__rate_interval])) / on (job) group_left () (other:one > 0)'
    assert metrics_of(expression) == {"nonsense_total", "other:one"}
