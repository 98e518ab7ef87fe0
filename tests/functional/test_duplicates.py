"""Metrics that compare values: qc remembers them in memory only, so whoever goes on with a window reads them again."""

import json

import pytest

from support.admin import Admin
from support.breaker import BROKEN, FAIL, wait_tripped
from support.telemetry import clean_value

RESULT = "SELECT records_checked, records_counted, value, passed FROM sluice.metric_results WHERE rule_id = %s ORDER BY next_offset"
REMEMBERED = "what open windows have to remember is read again"


@pytest.fixture
def unique(pipeline):
    """The pipeline; no two of a hundred records may be of one car at one speed, and few of one car."""
    pipeline.edit_contract(("\n    quality:\n", "\n    quality:\n"
                            "      - {id: same, metric: duplicateValues, arguments: {properties: [car_id, speed_kmph]}, mustBe: 0}\n"
                            "      - {id: cars, metric: duplicateValues, arguments: {properties: [car_id]}, mustBeLessThan: 70}\n"))
    pipeline.edit("^sinks:", "quality: {window: 100 records}\nsinks:")
    pipeline.create(1)
    return pipeline


def produce(kafka, pipeline, numbers, **changes):
    kafka.produce(pipeline.source_topic, [(0, b"k", clean_value(number, **changes)) for number in numbers])


def logged(service, message):
    return [line for line in map(json.loads, service.log.read_text().splitlines()) if message in line["msg"]]


def test_values_are_compared_with_those_before_a_restart(unique, chain, kafka, landing, judge, sluicectl):
    chain.start()
    qc = chain.of("qc")[0]
    produce(kafka, unique, [*range(60), 3, 3])
    landing.wait_all()
    for end in (qc.kill, qc.stop):
        end()
        qc.start()
        produce(kafka, unique, [5, 6])
        landing.wait_all()
    assert len(logged(qc, REMEMBERED)) == 2
    produce(kafka, unique, range(100, 134 + 50))
    landing.wait_all()
    # The first window has the numbers 0 to 59 and 100 to 133 of 37 cars, and six that came before.
    assert landing.query(RESULT, ["same"]) == [(100, 6, 6, False)]
    assert landing.query(RESULT, ["cars"]) == [(100, 63, 63, True)]
    with Admin(qc.admin_address) as admin:
        assert admin.call("GetStatus")["pipelines"][0]["partitions"][0]["state"] == "PARTITION_STATE_RUNNING"
    sluicectl("verify", "--pipeline", unique)
    judge()


def test_judging_goes_on_in_the_middle_of_a_batch(unique, chain, kafka, landing, judge, sluicectl):
    """The breaker cuts a batch: what lies before the record is remembered, the rest of the batch is judged."""
    unique.edit_contract(FAIL)
    produce(kafka, unique, range(40))
    produce(kafka, unique, [40], **BROKEN)
    produce(kafka, unique, [*range(41, 90), 7, 8, 9])
    chain.start()
    qc = chain.of("qc")[0]
    wait_tripped(qc, 40)
    assert landing.emitted("validated") == {0: 93}
    sluicectl("--endpoint", qc.admin_address, "reset-breaker", "--pipeline", unique, "--partition", 0, "--yes")
    landing.wait_all()
    assert logged(qc, REMEMBERED)
    produce(kafka, unique, [10] * 7)
    landing.wait_all()
    assert landing.query(RESULT, ["same"]) == [(100, 10, 10, False)]
    sluicectl("verify", "--pipeline", unique)
    judge()


def test_a_window_whose_begin_has_expired_begins_anew(unique, chain, kafka, landing, sluicectl):
    chain.start()
    qc = chain.of("qc")[0]
    for numbers in (range(30), range(30, 60), [1, 2]):
        produce(kafka, unique, numbers)
        landing.wait_all()
    qc.kill()
    validated = unique.internal_topic("validated")
    kafka.delete_before(validated, {0: kafka.offsets(validated)[0][1] - 1})
    qc.start()
    produce(kafka, unique, [1, 2, 2, *range(60, 95)])
    landing.wait_all()
    assert logged(qc, "have expired")
    produce(kafka, unique, [*range(95, 195), 95])
    landing.wait_all()
    assert landing.query("SELECT first_offset, next_offset, records_counted, passed FROM sluice.metric_results WHERE rule_id = 'same' "
                         "ORDER BY next_offset") == [(62, 100, 1, None), (100, 200, 0, True)]
    sluicectl("verify", "--pipeline", unique)


def test_metrics_stand_beside_the_rules(unique, chain, kafka, landing):
    chain.start()
    produce(kafka, unique, [0, *range(100)])
    landing.wait_all()
    assert landing.query("SELECT metric, column_name, dimension, records_checked, violations, value, unit, threshold, passed"
                         " FROM sluice.rule_results WHERE rule_id = 'same'") == [
        ("duplicateValues", None, "uniqueness", 100, None, 1, "rows", "mustBe: 0", False)]
    assert landing.query("SELECT sum(violations), count(metric) FROM sluice.rule_results WHERE rule_id = 'has_gps_fix'") == [(0, 0)]
