"""How old the newest record that has landed may be: the contract says so, and each sink watches it."""

import datetime
import json
import time

import grpc
import pytest

from support.admin import Admin
from support.process import wait_until
from support.telemetry import clean_value

PROMISE = "slaProperties: [{property: latency, value: 2, unit: h, element: telemetry.event_timestamp}]\nschema:"
NEWEST, OBJECTIVE = "sluice_newest_event_timestamp_seconds", "sluice_freshness_objective_seconds"


@pytest.fixture
def promising(pipeline):
    pipeline.edit_contract(("schema:", PROMISE))
    return pipeline


def ago(**time_span):
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) - datetime.timedelta(**time_span)


def record(number, moment):
    return clean_value(number, event_timestamp=moment.isoformat(), trip_start_time=moment.isoformat())


def produce(kafka, pipeline, landing, *records):
    kafka.produce(pipeline.source_topic, [(partition, b"k", value) for partition, value in records])
    landing.wait_all()


def test_of_the_newest_that_has_landed(promising, chain, kafka, landing, sluicectl):
    promising.create(2)
    chain.start()
    writer = chain.of("storage-writer")[0]
    writer.wait_metric(OBJECTIVE, 7200)
    assert NEWEST not in {sample.name for sample in writer.metrics()}, "nothing has landed: that is no age"

    def status():
        answer = json.loads(sluicectl("--endpoint", writer.admin_address, "-o", "json", "status").stdout)
        return answer[0]["pipelines"][0]

    assert (status()["freshness_ms"], status()["freshness_objective_ms"]) == (None, 7200_000)
    older, newer = ago(hours=7), ago(hours=3)
    # A record that fails has landed as well; one without columns says nothing about event time.
    produce(kafka, promising, landing, (0, record(1, older)), (1, record(2, older)), (0, b"{"),
            (1, clean_value(3, event_timestamp=newer.isoformat(), trip_start_time=newer.isoformat(), speed_kmph=999)))
    writer.wait_metric(NEWEST, older.timestamp(), partition="0")
    writer.wait_metric(NEWEST, newer.timestamp(), partition="1")
    # The status is taken once a second.
    wait_until(lambda: status()["freshness_ms"] is not None, 5, lambda: "the status has an age")
    age = time.time() - newer.timestamp()
    assert age - 30 < status()["freshness_ms"] / 1000 < age + 30
    assert "old, 2h at most are promised" in sluicectl("--endpoint", writer.admin_address, "status").stdout

    produce(kafka, promising, landing, (0, record(4, ago(minutes=20))))
    wait_until(lambda: status()["freshness_ms"] < 1800_000, 5, lambda: "the newest of all partitions counts")
    assert "are promised" not in sluicectl("--endpoint", writer.admin_address, "status").stdout
    # A clock that goes ahead makes nothing fresher than the moment it was sent.
    produce(kafka, promising, landing, (0, record(5, ago(days=-3))))
    wait_until(lambda: 0 <= status()["freshness_ms"] < 60_000, 5, lambda: "as fresh as its Kafka timestamp")


def test_goes_on_after_a_restart(promising, chain, kafka, landing):
    """Nothing new has to come: a quiet partition says again how far its event time was."""
    promising.edit("^sinks:", "internal_topics: {punctuation_interval: 500ms}\nsinks:")
    promising.create(1)
    chain.start()
    moment = ago(hours=1)
    produce(kafka, promising, landing, (0, record(1, moment)))
    writer = chain.of("storage-writer")[0]
    writer.wait_metric(NEWEST, moment.timestamp())
    writer.kill()
    writer.start()
    writer.wait_metric(NEWEST, moment.timestamp())


def test_a_contract_that_promises_nothing_any_more(promising, chain, kafka, landing):
    promising.create(1)
    chain.start()
    produce(kafka, promising, landing, (0, record(1, ago(hours=1))))
    writer = chain.of("storage-writer")[0]
    writer.wait_metric(OBJECTIVE, 7200)
    promising.edit_contract((PROMISE, "schema:"), ("version: 1.0.0", "version: 1.1.0"))
    with Admin(chain.of("ingest-validator")[0].admin_address) as admin:
        admin.call("ReloadContract")
    produce(kafka, promising, landing, (0, record(2, ago(minutes=1))))
    assert OBJECTIVE not in {sample.name for sample in writer.metrics()}


def test_a_contract_that_is_not_for_this_pipeline_is_not_taken(pipeline, chain, kafka, landing):
    """As at the start: what the pipeline file and the contract say of each other is checked on a reload, too."""
    pipeline.create(1)
    chain.start()
    pipeline.edit_contract(("schema:", PROMISE.replace("event_timestamp", "trip_start_time")), ("version: 1.0.0", "version: 1.1.0"))
    with Admin(chain.of("ingest-validator")[0].admin_address) as admin, pytest.raises(grpc.RpcError) as refused:
        admin.call("ReloadContract")
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert '"event_time.column" must be "trip_start_time"' in refused.value.details()
    produce(kafka, pipeline, landing, (0, record(1, ago(hours=1))))
    assert landing.query("SELECT DISTINCT version FROM sluice.ledger JOIN sluice.contracts c ON c.id = contract_id") == [("1.0.0",)]
