"""The metrics of a contract, measured over windows of source offsets or event time: what PostgreSQL says of them is what the source holds."""

import collections
import datetime
import itertools
import json
import random
import time

import pytest

from support.admin import Admin
from support.process import wait_until
from support.telemetry import clean_value, encode

WINDOW = 100
NUMBERS = "partition, first_offset, next_offset, rule_id, records_read, records_checked, records_counted, value, unit, passed"


def each(counts):
    """How many rows it counts, each by itself."""
    return lambda rows: sum(map(counts, rows))


def repeats(*names):
    """How many rows have the values of an earlier one."""
    def count(rows):
        values = [value for row in rows if None not in (value := tuple(row[name] for name in names))]
        return len(values) - len(set(values))

    return count


# By id: what it counts, whether in percent, and what is asked of it.
METRICS = {
    "few_without_fuel": (each(lambda r: r["fuel_level"] is None), True, lambda v: v < 5),
    "some_without_fuel": (each(lambda r: r["fuel_level"] is None), False, lambda v: 2 <= v <= 5),
    "odd_speeds": (each(lambda r: r["speed_kmph"] in (None, 30)), False, lambda v: v > 3),
    "other_cars": (each(lambda r: not r["car_id"].startswith("car-00")), True, lambda v: not 0 <= v <= 70),
    "same_fuel": (repeats("fuel_level"), True, lambda v: v < 20),
    "same_car_and_speed": (repeats("car_id", "speed_kmph"), False, lambda v: v == 0),
    "enough_rows": (len, False, lambda v: v >= 90),
    "enough_of_all": (len, True, lambda v: v != 91),
}


def after(text, *items):
    return text, text + "".join(f"          - {item}\n" for item in items)


@pytest.fixture
def measured(pipeline):
    """The pipeline, with metrics that are measured per hundred source offsets."""
    pipeline.edit_contract(
        after("logicalTypeOptions: {minimum: 0, maximum: 100}\n        quality:\n",
              "{id: few_without_fuel, metric: nullValues, mustBeLessThan: 5, unit: percent}",
              "{id: some_without_fuel, metric: nullValues, mustBeBetween: [2, 5]}",
              "{id: same_fuel, metric: duplicateValues, mustBeLessThan: 20, unit: percent}"),
        after("logicalTypeOptions: {minimum: 0, maximum: 250}\n        quality:\n",
              "{id: odd_speeds, metric: missingValues, arguments: {missingValues: [30, null]}, mustBeGreaterThan: 3}"),
        ("      - name: latitude\n",
         "        quality:\n          - {id: other_cars, metric: invalidValues, arguments: {pattern: '^car-00'},"
         " mustNotBeBetween: [0, 70], unit: percent}\n      - name: latitude\n"),
        ("\n    quality:\n", "\n    quality:\n      - {id: enough_rows, metric: rowCount, mustBeGreaterOrEqualTo: 90}\n"
                             "      - {id: enough_of_all, metric: rowCount, mustNotBe: 91, unit: percent}\n"
                             "      - {id: same_car_and_speed, metric: duplicateValues, arguments: {properties: [car_id, speed_kmph]},"
                             " mustBe: 0}\n"))
    pipeline.edit("^sinks:", f"quality: {{window: {WINDOW} records}}\nsinks:")
    return pipeline


def values(count, seed):
    """Records of all sorts, in no order."""
    choice = random.Random(seed)
    for number in range(count):
        number = number if choice.random() < 0.95 else max(0, number - choice.randrange(60))
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
            counted = counts(rows)
            value = 100 * counted / (len(records) if rule == "enough_of_all" else len(rows)) if percent else counted
            results.add((partition, first, first + WINDOW, rule, len(records), len(rows), counted, value,
                         "percent" if percent else "rows", holds(value)))
    return results


def results(landing, columns=NUMBERS):
    rows = landing.query(f"SELECT {columns} FROM sluice.metric_results WHERE rule_id = ANY(%s)", [list(METRICS)])
    assert len(set(rows)) == len(rows)
    return set(rows)


def kill_in_turn(chain, landing, records):
    """Services of each stage, while `records` land."""
    for share, victim in ((0.1, "qc"), (0.25, "storage-writer"), (0.4, "qc"), (0.55, "storage-writer"), (0.7, "ingest-validator")):
        landing.wait_for(int(share * records))
        service = chain.of(victim)[-1]
        service.kill()
        service.start()


def kill_all_of_qc(chain):
    """In the middle of windows: what they have seen is nowhere but in the log."""
    for service in chain.of("qc"):
        service.kill()
        service.start()


@pytest.mark.parametrize("replicas", [1, 2])
def test_every_window_has_one_result_whoever_dies(replicas, measured, chain, kafka, landing, judge, sluicectl):
    measured.edit("^sinks:", "batch: {rows: 64}\nsinks:")
    measured.create(3)
    produce(kafka, measured, 3, 3050)
    chain.start(replicas)
    kill_in_turn(chain, landing, 9150)
    landing.wait_all()
    kill_all_of_qc(chain)
    produce(kafka, measured, 3, 400, seed=2)
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
    assert landing.query("SELECT DISTINCT first_offset, next_offset, contract_id, passed IS NULL "
                         "FROM sluice.metric_results WHERE rule_id = 'enough_rows' ORDER BY 1") == [
        (0, 100, 1, False), (begun, 200, 2, True), (200, 300, 2, False)]
    rows = [record for message in kafka.read(measured.source_topic) if begun <= message.offset < 200
            and (record := columns(message.value)) is not None]
    assert landing.query("SELECT records_read, records_checked, records_counted FROM sluice.metric_results "
                         "WHERE rule_id = 'few_without_fuel' AND next_offset = 200") == [
        (200 - begun, len(rows), sum(record["fuel_level"] is None for record in rows))]
    sluicectl("verify", "--pipeline", measured)
    judge()


def repair(qc, begin, end):
    with Admin(qc.admin_address) as admin:
        def position():
            return int(admin.call("GetStatus")["pipelines"][0]["partitions"][0]["next"])

        wait_until(lambda: position() == end, 10, "at the end")
        admin.call("Repair", partition=0, **{"from": begin})
        wait_until(lambda: position() == end, 30, "emitted again")


def test_a_repair_changes_no_result(measured, chain, kafka, landing, judge):
    measured.create(1)
    chain.start()
    produce(kafka, measured, 1, 450)
    landing.wait_all()
    before = landing.query("SELECT * FROM sluice.metric_results ORDER BY next_offset, rule_id")
    repair(chain.of("qc")[0], begin=150, end=450)
    kafka.produce(measured.source_topic, [(0, b"k", value) for value in values(100, "more")])
    landing.wait_all()
    assert landing.query("SELECT * FROM sluice.metric_results WHERE next_offset <= 400 ORDER BY next_offset, rule_id") == before
    assert results(landing) == expected(kafka, measured)
    judge()


MINUTE = 60_000_000
DELAY = 30_000_000
TIMED = ("partition, window_start, window_end - window_start, first_offset, next_offset, rule_id, records_read, records_checked,"
         " records_counted, records_late, value, passed")
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def moment(micros):
    return EPOCH + datetime.timedelta(microseconds=micros)


@pytest.fixture
def timed(measured):
    """The same per minute of event time, half a minute of which records may be late."""
    measured.edit("window: 100 records", "window: 1 minute")
    measured.edit("watermark_delay: .*", "watermark_delay: 30 seconds")
    return measured


def timed_records(partition, count, seed, begin=0):
    """Records of all sorts whose event time is before the time they are received, by more than the delay at times, or long after it."""
    choice = random.Random(f"{seed}-{partition}")
    now = (int(time.time()) - 86_400 + begin) * 1_000_000
    for number, value in enumerate(values(count, f"{seed}-{partition}")):
        now += choice.randrange(2_000_000) if choice.random() < 0.98 else choice.randrange(400_000_000)
        if (record := columns(value)) is not None:
            event = now - choice.randrange(20_000_000 if choice.random() < 0.8 else 200_000_000)
            event = choice.choices([event, now + 10**14], [97, 3])[0]
            value = encode(record | {"event_timestamp": moment(event).isoformat().replace("+00:00", "Z")})
        yield partition, b"k", value, {"timestamp": now // 1000}


def event_time(message):
    record = columns(message.value)
    if record is None:
        return None
    event = (datetime.datetime.fromisoformat(record["event_timestamp"]) - EPOCH) // datetime.timedelta(microseconds=1)
    return min(event, message.timestamp_ms * 1000)


def expected_by_time(kafka, pipeline):
    """The results of every window that has closed, looked up in the whole source."""
    results = set()
    partitions = {}
    for message in kafka.read(pipeline.source_topic):
        partitions.setdefault(message.partition, []).append(message)
    for partition, messages in partitions.items():
        times = list(map(event_time, messages))
        newest = list(itertools.accumulate((-1 if event is None else event for event in times), max))
        first = next(event for event in times if event is not None)

        def window_of(event):
            return event // MINUTE * MINUTE

        def closes(start):
            return next((i for i, event in enumerate(newest) if event >= start + MINUTE + DELAY), len(newest))

        closed_at = {start: closes(start) for start in {window_of(event) for event in [*times, *newest] if event not in (None, -1)}}
        inside, late = {}, collections.Counter()
        for i, event in enumerate(times):
            now = window_of(first if newest[i] == -1 else newest[i])
            start = now if event is None else window_of(event)
            if closed_at[start] < i:
                late[now] += 1
            else:
                inside.setdefault(start, []).append(messages[i])
        for start, records in inside.items():
            if closed_at[start] == len(newest):
                continue
            rows = [record for message in records if (record := columns(message.value)) is not None]
            for rule, (counts, percent, holds) in METRICS.items():
                counted = counts(rows)
                of = len(records) if rule == "enough_of_all" else len(rows)
                value = (100 * counted / of if of else 0) if percent else counted
                results.add((partition, moment(start), datetime.timedelta(minutes=1), records[0].offset,
                             messages[closed_at[start]].offset + 1, rule, len(records), len(rows), counted, late[start], value,
                             holds(value)))
    return results


@pytest.mark.parametrize("replicas", [1, 2])
def test_windows_of_event_time_whoever_dies(replicas, timed, chain, kafka, landing, judge, sluicectl):
    timed.edit("^sinks:", "batch: {rows: 64}\nsinks:")
    timed.create(3)
    records = [list(timed_records(partition, 3450, 1)) for partition in range(3)]
    kafka.produce(timed.source_topic, [record for part in records for record in part[:3000]])
    chain.start(replicas)
    kill_in_turn(chain, landing, 9000)
    landing.wait_all()
    kill_all_of_qc(chain)
    kafka.produce(timed.source_topic, [record for part in records for record in part[3000:]])
    landing.wait_all()
    there = results(landing, TIMED)
    assert there == expected_by_time(kafka, timed)
    assert {row[-1] for row in there} == {True, False}, "the test tells the two apart"
    late = sum(row[9] for row in there if row[5] == "enough_rows")
    closed_together = landing.query("SELECT count(*) FROM (SELECT FROM sluice.metric_results WHERE rule_id = 'enough_rows' "
                                    "GROUP BY partition, next_offset HAVING count(*) > 1) AS several")[0][0]
    assert late > 100 and closed_together > 10 and len(there) > 100 * len(METRICS), "the test has what it is about"
    sluicectl("verify", "--pipeline", timed)
    judge()


def test_a_window_of_event_time_in_part(timed, chain, kafka, landing, judge, sluicectl):
    """Counting begins anew with a contract: what may have begun before is measured, not judged."""
    timed.create(1)
    chain.start()
    qc = chain.of("qc")[0]
    begin = (int(time.time()) - 7200) // 60 * 60

    def produce_at(*seconds):
        kafka.produce(timed.source_topic, [
            (0, b"k", clean_value(number, event_timestamp=moment((begin + at) * 1_000_000).isoformat().replace("+00:00", "Z")))
            for number, at in enumerate(seconds)])
        landing.wait_all()

    produce_at(0, 30, 61, 91, 20)
    qc.wait_metric("sluice_metric_windows_total", 1, rule="enough_rows")
    timed.edit_contract(("version: 1.0.0", "version: 1.1.0"))
    with Admin(chain.of("ingest-validator")[0].admin_address) as admin:
        admin.call("ReloadContract")
    wait_until(lambda: produce_at(110) or landing.query("SELECT count(*) FROM sluice.ledger WHERE contract_id = 2")[0][0], 30, "in force")
    begun = landing.query("SELECT min(first_offset) FROM sluice.ledger WHERE contract_id = 2")[0][0]
    produce_at(140, 155, 185, 250, 340, 100)
    qc.wait_metric("sluice_metric_windows_total", 5, rule="enough_rows")
    again = landing.query("SELECT max(next_offset) FROM sluice.ledger")[0][0] - 6 - begun
    assert landing.query("SELECT extract(epoch FROM window_start)::bigint - %s, first_offset, records_read, contract_id, passed IS NULL"
                         " FROM sluice.metric_results WHERE rule_id = 'enough_rows' ORDER BY 1, 2", (begin,)) == [
        (0, 0, 2, 1, False), (60, begun, again, 2, True), (120, begun + again, 2, 2, True), (180, begun + again + 2, 1, 2, False),
        (240, begun + again + 3, 1, 2, False)]
    sluicectl("verify", "--pipeline", timed)
    judge()


def test_a_repair_changes_no_window_of_event_time(timed, chain, kafka, landing, judge):
    timed.create(1)
    chain.start()
    kafka.produce(timed.source_topic, timed_records(0, 450, 1))
    landing.wait_all()
    before = results(landing, TIMED)
    repair(chain.of("qc")[0], begin=150, end=450)
    kafka.produce(timed.source_topic, timed_records(0, 300, 2, begin=18_000))
    landing.wait_all()
    # What is open at the end began long after the record that counting begins anew at.
    assert before < results(landing, TIMED)
    assert results(landing, TIMED) == expected_by_time(kafka, timed)
    judge()
