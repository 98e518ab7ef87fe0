"""The metrics of a contract, measured over windows of source offsets: what PostgreSQL says of them is what the source holds."""

import json
import random

import pytest

from support.admin import Admin
from support.process import wait_until
from support.telemetry import clean_value

WINDOW = 100
NUMBERS = "partition, first_offset, next_offset, rule_id, records_read, records_checked, records_counted, value, unit, passed"
# By id: what counts, whether in percent, and what is asked of it.
METRICS = {
    "few_without_fuel": (lambda r: r["fuel_level"] is None, True, lambda v: v < 5),
    "some_without_fuel": (lambda r: r["fuel_level"] is None, False, lambda v: 2 <= v <= 5),
    "odd_speeds": (lambda r: r["speed_kmph"] in (None, 30), False, lambda v: v > 3),
    "other_cars": (lambda r: not r["car_id"].startswith("car-00"), True, lambda v: not 0 <= v <= 70),
    "enough_rows": (lambda r: True, False, lambda v: v >= 90),
    "enough_of_all": (lambda r: True, True, lambda v: v != 91),
}


def after(text, *items):
    return text, text + "".join(f"          - {item}\n" for item in items)


@pytest.fixture
def measured(pipeline):
    """The pipeline, with metrics that are measured per hundred source offsets."""
    pipeline.edit_contract(
        after("logicalTypeOptions: {minimum: 0, maximum: 100}\n        quality:\n",
              "{id: few_without_fuel, metric: nullValues, mustBeLessThan: 5, unit: percent}",
              "{id: some_without_fuel, metric: nullValues, mustBeBetween: [2, 5]}"),
        after("logicalTypeOptions: {minimum: 0, maximum: 250}\n        quality:\n",
              "{id: odd_speeds, metric: missingValues, arguments: {missingValues: [30, null]}, mustBeGreaterThan: 3}"),
        ("      - name: latitude\n",
         "        quality:\n          - {id: other_cars, metric: invalidValues, arguments: {pattern: '^car-00'},"
         " mustNotBeBetween: [0, 70], unit: percent}\n      - name: latitude\n"),
        ("\n    quality:\n", "\n    quality:\n      - {id: enough_rows, metric: rowCount, mustBeGreaterOrEqualTo: 90}\n"
                             "      - {id: enough_of_all, metric: rowCount, mustNotBe: 91, unit: percent}\n"))
    pipeline.edit("^sinks:", f"quality: {{window: {WINDOW} records}}\nsinks:")
    return pipeline


def values(count, seed):
    """Records of all sorts, in no order."""
    choice = random.Random(seed)
    for number in range(count):
        yield choice.choices([clean_value(number), clean_value(number, fuel_level=None), clean_value(number, speed_kmph=None),
                              clean_value(number, latitude=200), b"{", None], [85, 4, 2, 2, 5, 2])[0]


def produce(kafka, pipeline, partitions, count, seed=1):
    kafka.produce(pipeline.source_topic, [(partition, b"k", value) for partition in range(partitions)
                                          for value in values(count, f"{seed}-{partition}")])


def columns(value):
    """What a record is, when it is one."""
    try:
        return json.loads(value) if value else None
    except ValueError:
        return None


def expected(kafka, pipeline):
    """The results of every whole window that has ended, counted from the source alone."""
    windows = {}
    for message in kafka.read(pipeline.source_topic):
        windows.setdefault((message.partition, message.offset // WINDOW * WINDOW), []).append(columns(message.value))
    results = set()
    for (partition, first), records in windows.items():
        if len(records) < WINDOW:
            continue
        rows = [record for record in records if record is not None]
        for rule, (counts, percent, holds) in METRICS.items():
            counted = sum(map(counts, rows))
            value = 100 * counted / (len(records) if rule == "enough_of_all" else len(rows)) if percent else counted
            results.add((partition, first, first + WINDOW, rule, len(records), len(rows), counted, value,
                         "percent" if percent else "rows", holds(value)))
    return results


def results(landing):
    rows = landing.query(f"SELECT {NUMBERS} FROM sluice.metric_results")
    assert len(set(rows)) == len(rows)
    return set(rows)


@pytest.mark.parametrize("replicas", [1, 2])
def test_every_window_has_one_result_whoever_dies(replicas, measured, chain, kafka, landing, judge, sluicectl):
    measured.edit("^sinks:", "batch: {rows: 64}\nsinks:")
    measured.create(3)
    produce(kafka, measured, 3, 3000)
    chain.start(replicas)
    for share, victim in ((0.1, "qc"), (0.25, "storage-writer"), (0.4, "qc"), (0.55, "storage-writer"), (0.7, "ingest-validator")):
        landing.wait_for(int(share * 9000))
        service = chain.of(victim)[-1]
        service.kill()
        service.start()
    landing.wait_all()
    produce(kafka, measured, 3, 450, seed=2)
    landing.wait_all()
    there = results(landing)
    assert there == expected(kafka, measured)
    assert len(there) == 3 * 34 * len(METRICS)
    assert {passed for *_, passed in there} == {True, False}, "the test tells the two apart"
    sluicectl("verify", "--pipeline", measured)
    judge()


def test_says_so_to_prometheus(measured, chain, kafka, landing):
    measured.create(1)
    chain.start()
    qc = chain.of("qc")[0]
    produce(kafka, measured, 1, 950)
    landing.wait_all()
    there = results(landing)
    assert there == expected(kafka, measured)
    for rule in METRICS:
        mine = sorted(row for row in there if row[3] == rule)
        qc.wait_metric("sluice_metric_windows_total", 9, rule=rule)
        assert qc.metric("sluice_metric_failures_total", rule=rule) == sum(not row[9] for row in mine)
        assert qc.metric("sluice_metric_value", rule=rule, partition="0") == pytest.approx(mine[-1][7])


def test_a_window_begins_anew_with_a_contract(measured, chain, kafka, landing, judge, sluicectl):
    """What was counted under another contract is not added up; a window that is measured in part is not judged."""
    measured.create(1)
    chain.start()
    produce(kafka, measured, 1, 130)
    landing.wait_all()
    measured.edit_contract(("version: 1.0.0", "version: 1.1.0"))
    with Admin(chain.of("ingest-validator")[0].admin_address) as admin:
        admin.call("ReloadContract")
    kafka.produce(measured.source_topic, [(0, b"k", value) for value in values(200, "more")])
    landing.wait_all()
    begun = landing.query("SELECT min(first_offset) FROM sluice.ledger WHERE contract_id = 2")[0][0]
    assert 100 < begun < 200
    assert landing.query("SELECT DISTINCT first_offset, next_offset, contract_id, passed IS NULL FROM sluice.metric_results ORDER BY 1") == [
        (0, 100, 1, False), (begun, 200, 2, True), (200, 300, 2, False)]
    rows = [record for message in kafka.read(measured.source_topic) if begun <= message.offset < 200
            and (record := columns(message.value)) is not None]
    assert landing.query("SELECT records_read, records_checked, records_counted FROM sluice.metric_results "
                         "WHERE rule_id = 'few_without_fuel' AND next_offset = 200") == [
        (200 - begun, len(rows), sum(record["fuel_level"] is None for record in rows))]
    sluicectl("verify", "--pipeline", measured)
    judge()


def test_a_repair_changes_no_result(measured, chain, kafka, landing, judge):
    measured.create(1)
    chain.start()
    produce(kafka, measured, 1, 450)
    landing.wait_all()
    before = landing.query("SELECT * FROM sluice.metric_results ORDER BY next_offset, rule_id")
    qc = chain.of("qc")[0]
    with Admin(qc.admin_address) as admin:
        def position():
            return admin.call("GetStatus")["pipelines"][0]["partitions"][0]["next"]

        wait_until(lambda: position() == "450", 10, "at the end")
        admin.call("Repair", partition=0, **{"from": 150})
        wait_until(lambda: position() == "450", 30, "emitted again")
    kafka.produce(measured.source_topic, [(0, b"k", value) for value in values(100, "more")])
    landing.wait_all()
    assert landing.query("SELECT * FROM sluice.metric_results WHERE next_offset <= 400 ORDER BY next_offset, rule_id") == before
    assert results(landing) == expected(kafka, measured)
    judge()
