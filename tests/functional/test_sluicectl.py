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
