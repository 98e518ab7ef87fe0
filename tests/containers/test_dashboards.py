"""Each query of each dashboard, asked of the running Prometheus and PostgreSQL: it has to bring data.

Runs between test_suite.py's breaking and its end, under load: see pytest's order in scripts/test-containers.
"""

import math
import time

import pytest

from containers.deployment import PATIENCE
from support import dashboards
from support.process import wait_until

# The contract of the demo, whose data are of 2024, promises no freshness.
QUERIES = [query for query in dashboards.queries() if "sluice_freshness_objective_seconds" not in query.text]


@pytest.fixture(scope="module")
def under_load(deployment):
    deployment.up()
    deployment.wait_targets(ingest_validator=1, qc=1, storage_writer=1, producer_simulator=1)
    # Recorded rates look back for five minutes at most; two samples in the window are enough for a value.
    recorded = 'pipeline_rule:sluice_rule_failures:ratio_rate5m{pipeline="telemetry"}'
    wait_until(lambda: deployment.prometheus("query", query=recorded)["result"], PATIENCE, "rates are recorded", 1)
    yield deployment
    deployment.stop_load()


@pytest.fixture(scope="module")
def values(under_load):
    """What the variables of the dashboards are set to: what their own queries bring, all of it."""
    with under_load.connect("grafana") as reader:
        cars = [car for car, in reader.execute("SELECT DISTINCT car_id FROM device_data ORDER BY 1 LIMIT 1000").fetchall()]
    return {"pipeline": "telemetry", "stage": ["validated", "checked", "postgres"], "car": cars}


def has_data(deployment, query, values):
    text = query.text
    if text.startswith("label_values("):
        series, label = text.removeprefix("label_values(").rstrip(")").rsplit(", ", 1)
        found = deployment.prometheus("series", **{"match[]": dashboards.expand(series, values)})
        return any(label in one for one in found)
    if query.source == dashboards.PROMETHEUS:
        now = time.time()
        found = deployment.prometheus("query_range", query=dashboards.expand(text, values), start=now - 1800, end=now, step=15)
        return any(not math.isnan(float(value)) for one in found["result"] for _, value in one["values"])
    with deployment.connect("grafana") as reader:
        rows = reader.execute(dashboards.expand(text, values).encode()).fetchall()
    return any(value is not None for row in rows for value in row)


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_brings_data(under_load, values, query):
    if query.source == dashboards.PROMETHEUS:
        wait_until(lambda: has_data(under_load, query, values), 60, f"data for {query.text}", 1)
    else:
        assert has_data(under_load, query, values), query.text
