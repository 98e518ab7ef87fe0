"""The command line against a running chain: what it prints, and what it changes."""

import dataclasses
import json

import psycopg
import pyarrow
import pytest

from support.kafka import parse_coverage, with_range
from support.oracle import Expected
from support.process import wait_until
from support.telemetry import clean_value


@pytest.fixture
def endpoints(chain):
    return lambda *services: [part for service in services or chain.services
                              for part in ("--endpoint", service.admin_address)]


def produce(kafka, pipeline, count, partition=0, start=0):
    kafka.produce(pipeline.source_topic, [(partition, b"k", clean_value(start + number)) for number in range(count)])


def test_status_and_explain(pipeline, chain, kafka, landing, sluicectl, endpoints):
    pipeline.create(1)
    chain.start()
    produce(kafka, pipeline, 10)
    kafka.produce(pipeline.source_topic, [(0, b"k", clean_value(1, fuel_level=None)), (0, b"k", b"broken")])
    landing.wait_all()

    status = json.loads(sluicectl("-o", "json", *endpoints(), "status").stdout)
    assert status
    table = sluicectl(*endpoints(), "status").stdout
    for word in (pipeline.name, "validated", "checked", "running"):
        assert word in table
    failed = sluicectl("explain", "--pipeline", pipeline, "--partition", 0, "--offset", 10).stdout
    assert "failed" in failed and "fuel_level" in failed and "qc_failed_table" in failed
    corrupt = sluicectl("explain", "--pipeline", pipeline, "--partition", 0, "--offset", 11).stdout
    assert "invalid_json" in corrupt and "corrupt_records" in corrupt


@pytest.fixture
def explained(sluicectl, pipeline):
    """`explained("--where", ...)`: the coordinates and stories of what it finds, and what it says besides."""
    def call(*flags, expect=0):
        done = sluicectl("-o", "json", "explain", "--pipeline", pipeline, *flags, expect=expect)
        answer = json.loads(done.stdout) if done.stdout else {"records": []}
        return [(record["partition"], record["offset"], record["story"]) for record in answer["records"]], done.stderr

    return call


def test_explain_finds_a_record_by_its_row_or_key(pipeline, chain, kafka, landing, sluicectl, explained, database_url):
    pipeline.create(2)
    chain.start()
    quoted = "x' OR '1'='1"
    kafka.produce(pipeline.source_topic, [(0, b"k", clean_value(0)), (1, b"k", clean_value(1))])
    landing.wait_all()
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute("ALTER TABLE device_data ADD CONSTRAINT slow CHECK (speed_kmph < 100)")
        kafka.produce(pipeline.source_topic, [
            (0, b"mine", clean_value(2, trip_id="trip-x", speed_kmph=40.5)),
            (0, b"mine", clean_value(3, trip_id="trip-x", fuel_level=None)),
            (0, b"mine", b"broken"),
            (1, b"mine", clean_value(4, trip_id="trip-x", car_id="refused", speed_kmph=150)),
            (1, b"\xff\x00", clean_value(5, trip_id=quoted)),
            *((1, b"many", clean_value(number, trip_id="many")) for number in range(12))])
        landing.wait_all()

        def places(*flags):
            return [found[:2] for found in explained(*flags)[0]]

        assert places("--where", "trip_id=trip-x") == [(0, 1), (0, 2), (1, 1)], "clean, failed and refused"
        assert places("--where", "trip_id=trip-x", "--where", "speed_kmph=40.5") == [(0, 1)]
        assert places("--where", "trip_id=trip-x", "--where", "speed_kmph=150") == [(1, 1)], "the row of a dead letter"
        assert places("--where", "trip_id=trip-x", "--partition", 1) == [(1, 1)]
        assert places("--where", "trip_id=trip-x", "--where", "event_timestamp=2024-03-10T08:00:03.003Z") == [(0, 2)]
        assert places("--key", "mine") == [(0, 1), (0, 2), (0, 3), (1, 1)], "corrupt ones too"
        assert places("--key", "mine", "--where", "trip_id=trip-x", "--partition", 0) == [(0, 1), (0, 2)]
        assert places("--key", r"\xff00") == [(1, 2)]
        assert places("--where", f"trip_id={quoted}") == [(1, 2)], "a value is no SQL"

        [(_, _, story)], _ = explained("--where", "car_id=refused")
        assert [row["table"] for row in story["rows_in_postgresql"]] == ["sluice.dead_letters"]
        assert story["record_in_kafka"][0]["key"] == "mine" and story["verdicts"] and story["rules"] and story["commit"]
        told = sluicectl("explain", "--pipeline", pipeline, "--where", "trip_id=trip-x").stdout
        for word in ("== partition 0, offset 1\n", "== partition 1, offset 1\n", "device_data", "qc_failed_table", "23514"):
            assert word in told

        found, said = explained("--where", "trip_id=many")
        assert len(found) == 10 and "more records match than these 10" in said
        found, said = explained("--where", "trip_id=many", "--limit", 12)
        assert len(found) == 12 and not said

        for flags in (["--where", "speed_kmph=15"], ["--where", "trip_id=1 OR true"], ["--key", "mine", "--where", "trip_id=many"]):
            found, said = explained(*flags, expect=1)
            assert not found and "no record with" in said and flags[-1] in said and "device_data" in said
        assert 'did you mean "trip_id"' in explained("--where", "trip_di=1", expect=2)[1]
        assert "no value of column speed_kmph" in explained("--where", "speed_kmph=fast", expect=2)[1]
        explained("--where", "trip_id=many", "--offset", 1, expect=2)
        explained("--partition", 1, expect=2)

        # Somebody holds the table: the wait ends, and says what to do.
        with database.transaction():
            database.execute("LOCK TABLE device_data IN ACCESS EXCLUSIVE MODE")
            assert "--statement-timeout" in explained("--where", "trip_id=many", "--statement-timeout", 0.2, expect=1)[1]


def test_top_in_a_pipe(pipeline, chain, kafka, landing, sluicectl, endpoints):
    pipeline.create(2)
    chain.start()
    produce(kafka, pipeline, 10)
    landing.wait_all()
    text = sluicectl(*endpoints(), "top", "--count", 2, "--interval", 0.1).stdout
    assert "\x1b" not in text and text.count("ENDPOINT") == 2
    header, *rows = text[text.rindex("ENDPOINT"):].splitlines()
    assert "PER SECOND" in header
    assert sorted(row.split()[3:5] for row in rows) == sorted(
        [stage, partition] for stage in ("validated", "checked", "postgres") for partition in ("0", "1"))
    looks = [json.loads(line) for line in sluicectl("-o", "json", *endpoints(), "top", "--count", 2, "--interval", 0.1).stdout.splitlines()]
    assert len(looks) == 2 and {process["service"] for process in looks[1]} == {"ingest-validator", "qc", "storage-writer"}


def test_wrong_usage_is_two(sluicectl):
    sluicectl("verify", expect=2)
    sluicectl("no-such-command", expect=2)


def test_migrate_again_changes_nothing(sluicectl, database_url):
    sluicectl("migrate")
    with psycopg.connect(database_url) as database:
        assert database.execute("SELECT count(*) FROM sluice.schema_migrations").fetchone()[0] >= 1


def test_a_gap_is_seen_and_repaired(pipeline, chain, kafka, landing, judge, sluicectl, endpoints):
    """Somebody else's batch makes the validator believe that more was emitted than was: records are missing behind it."""
    pipeline.create(1)
    chain.start()
    produce(kafka, pipeline, 50)
    landing.wait_all()
    validator, qc = chain.of("ingest-validator")[0], chain.of("qc")[0]
    assert validator.stop() == 0
    inject_stray_batch(kafka, pipeline, first=70, next_=80)
    produce(kafka, pipeline, 50, start=50)
    validator.start()
    qc.wait_metric("sluice_open_gaps", 1)
    assert qc.metric("sluice_coverage_gaps_total") >= 1
    assert landing.landed() == 50, "nothing may be applied beyond a gap"
    # The status is published a few times a second.
    wait_until(lambda: "missing [50, 70)" in sluicectl(*endpoints(qc), "status", expect=None).stdout, 10, "status shows the gap")
    sluicectl(*endpoints(qc), "status", expect=1)

    shown = sluicectl(*endpoints(validator), "repair", "--pipeline", pipeline, "--partition", 0, "--from", 50, "--dry-run").stdout
    assert "50" in shown and landing.landed() == 50
    sluicectl(*endpoints(validator), "repair", "--pipeline", pipeline, "--partition", 0, "--from", 50, "--stage", "validated")
    landing.wait_all()
    assert qc.metric("sluice_open_gaps") == 0
    judge()


def inject_stray_batch(kafka, pipeline, first, next_):
    """A batch without rows, as for a range of offsets that holds no record."""
    topic = pipeline.internal_topic("validated")
    last = [message for message in kafka.read(topic) if message.partition == 0][-1]
    header = with_range(last.headers["sluice-coverage"], first, next_)
    assert dataclasses.astuple(parse_coverage(header))[:3] == (0, first, next_)
    empty = pyarrow.ipc.open_stream(last.value).schema.empty_table()
    value = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(value, empty.schema) as stream:
        for batch in empty.to_batches() or [pyarrow.RecordBatch.from_pylist([], schema=empty.schema)]:
            stream.write_batch(batch)
    kafka.produce(topic, [(0, None, value.getvalue().to_pybytes(), {"headers": {**last.headers, "sluice-coverage": header}})])


def test_records_lost_to_retention_are_accounted_for(pipeline, chain, kafka, landing, judge, sluicectl, endpoints):
    """The source log begins behind the position: refused by name, until an operator accepts the loss."""
    pipeline.create(1)
    chain.start()
    produce(kafka, pipeline, 50)
    landing.wait_all()
    validator = chain.of("ingest-validator")[0]
    assert validator.stop() == 0
    produce(kafka, pipeline, 50, start=50)
    before = list(kafka.read(pipeline.source_topic))
    kafka.delete_before(pipeline.source_topic, {0: 80})
    validator.start(ready_within=None)
    validator.wait_metric("sluice_stopped_partitions", 1)
    assert landing.landed() == 50

    sluicectl(*endpoints(validator), "accept-loss", "--pipeline", pipeline, "--partition", 0, "--yes")
    landing.wait_all()
    truth = {(0, offset): Expected("lost" if 50 <= offset < 80 else "clean") for offset in range(100)}
    kept = [record for record in before if not 50 <= record.offset < 80]
    judge(truth, earlier=kept)
