"""What changes while it runs: the contract, the number of partitions, where a pipeline begins."""

import subprocess

import grpc
import pytest
from confluent_kafka.admin import NewPartitions

from support.admin import Admin
from support.oracle import Expected
from support.pipeline import copy_pipeline
from support.process import wait_until
from support.services import Service, bin_dir
from support.telemetry import clean_value


def produce(kafka, pipeline, values, partition=0):
    return kafka.produce(pipeline.source_topic, [(partition, b"car", value) for value in values])


def test_a_new_contract_judges_what_comes_after_it(pipeline, chain, kafka, landing, judge):
    """Activated in the log: qc and the sink follow the batch, not their file."""
    pipeline.create(1)
    chain.start()
    fast = clean_value(1, speed_kmph=200)
    produce(kafka, pipeline, [fast] * 10)
    landing.wait_all()
    pipeline.edit_contract(("version: 1.0.0", "version: 1.1.0"), ("{minimum: 0, maximum: 250}", "{minimum: 0, maximum: 150}"))
    with Admin(chain.of("ingest-validator")[0].admin_address) as admin:
        assert admin.call("ReloadContract")["version"] == "1.1.0"
    produce(kafka, pipeline, [fast] * 10)
    landing.wait_all()
    judge({(0, offset): Expected("clean", None, ()) if offset < 10 else Expected("failed", None, ("speed_kmph_maximum",))
           for offset in range(20)})
    versions = landing.query("SELECT c.version, sum(l.records_read)::int FROM sluice.ledger l JOIN sluice.contracts c "
                             "ON c.id = l.contract_id WHERE l.pipeline = %s GROUP BY 1 ORDER BY 1", [pipeline.name])
    assert versions == [("1.0.0", 10), ("1.1.0", 10)]


@pytest.mark.parametrize("change", [
    ("logicalType: number", "logicalType: nonsense"),          # broken
    ("{minimum: 0, maximum: 250}", "{minimum: 0, maximum: 1}"),  # another contract under the same version
])
def test_a_contract_that_cannot_be_is_refused(change, pipeline, chain, kafka, landing, judge):
    pipeline.create(1)
    chain.start()
    produce(kafka, pipeline, [clean_value(1)])
    landing.wait_all()
    pipeline.edit_contract(change)
    with Admin(chain.of("ingest-validator")[0].admin_address) as admin, pytest.raises(grpc.RpcError) as refusal:
        admin.call("ReloadContract")
    assert refusal.value.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION)
    assert "contract" in refusal.value.details()
    produce(kafka, pipeline, [clean_value(2)])
    landing.wait_all()
    judge({(0, 0): Expected("clean"), (0, 1): Expected("clean")})


def test_partitions_are_added_while_records_flow(pipeline, chain, kafka, landing, judge):
    """The internal topics are widened, and the new partitions begin at their beginning."""
    pipeline.create(1)
    chain.start()
    produce(kafka, pipeline, [clean_value(number) for number in range(100)])
    landing.wait_all()
    kafka.admin.create_partitions([NewPartitions(pipeline.source_topic, 4)])[pipeline.source_topic].result(20)
    for partition in range(4):
        produce(kafka, pipeline, [clean_value(number) for number in range(100)], partition)
    wait_until(lambda: len(landing.positions()) == 4, 90, lambda: f"four partitions: {landing.positions()}")
    landing.wait_all()
    for stage in ("validated", "checked"):
        assert len(kafka.partitions(pipeline.internal_topic(stage))) == 4
    assert judge().verdicts() == {"clean": 500}


def test_begin_at_the_end(pipeline, chain, kafka, landing, judge):
    """starting_offsets: latest. What was there before is not accounted for; what comes later is, also after a restart."""
    pipeline.edit("starting_offsets: earliest", "starting_offsets: latest")
    pipeline.create(1)
    produce(kafka, pipeline, [clean_value(number) for number in range(30)])
    chain.start()
    validator = chain.of("ingest-validator")[0]
    wait_until(lambda: kafka.offsets(pipeline.internal_topic("validated"))[0][1] > 0, 30, "the origin is in the log")
    assert validator.stop() == 0
    produce(kafka, pipeline, [clean_value(number) for number in range(30, 50)])
    validator.start()
    landing.wait_all()
    oracle = judge(origins={0: 30})
    assert oracle.verdicts() == {"clean": 20}


def test_two_pipelines_in_one_process(pipeline, kafka, stack, database_url, sluicectl, tmp_path, landing):
    """They share a process and nothing else."""
    other = copy_pipeline("telemetry", tmp_path)
    for table in ("device_data", "qc_failed_table", "corrupt_records", "qc_audit_log_table"):
        other.edit(table, f"other_{table}")
    pipeline.create(1)
    kafka.create_topic(other.source_topic, 1)
    started = [Service(name, pipeline, stack, tmp_path / "services", name, ["--pipeline", other], database_url).start(None)
               for name in ("ingest-validator", "qc", "storage-writer")]
    try:
        for service in started:
            service.wait_ready()
        produce(kafka, pipeline, [clean_value(number) for number in range(10)])
        produce(kafka, other, [clean_value(number) for number in range(20)])
        wait_until(lambda: landing.query("SELECT (SELECT count(*) FROM device_data), (SELECT count(*) FROM other_device_data)")
                   == [(10, 20)], 30, "both have landed")
    finally:
        for service in started:
            service.stop()
        kafka.delete_topics(other.source_topic, other.internal_topic("validated"), other.internal_topic("checked"))


@pytest.mark.parametrize("name", ["producer-simulator", "ingest-validator", "qc", "storage-writer"])
def test_exit_codes(name, pipeline):
    def run(*arguments):
        return subprocess.run([bin_dir() / f"sluice-{name}", *map(str, arguments)], capture_output=True, text=True,
                              timeout=20, check=False)

    assert run("--help").returncode == 0
    assert run("--version").returncode == 0
    database = ["--database-url", "postgresql://nobody@127.0.0.1:1/none"] if name == "storage-writer" else []
    checked = run("--pipeline", pipeline, "--check", *database)
    assert checked.returncode == 0, checked.stderr
    assert run("--no-such-flag").returncode == 2
    pipeline.edit("^version: 1", "version: 1\nno_such_key: 1\nanother_one: 2")
    refused = run("--pipeline", pipeline, "--check", *database)
    assert refused.returncode == 2
    said = refused.stderr + refused.stdout
    assert "no_such_key" in said and "another_one" in said, f"all problems at once: {said}"


def test_a_second_claimant_of_a_table_is_refused(pipeline, chain, kafka, landing, stack, database_url, tmp_path):
    pipeline.create(1)
    chain.start()
    produce(kafka, pipeline, [clean_value(1)])
    landing.wait_all()
    rival = copy_pipeline("telemetry", tmp_path)
    kafka.create_topic(rival.source_topic, 1)
    writer = Service("storage-writer", rival, stack, tmp_path / "services", "rival", (), database_url).start(None)
    try:
        wait_until(lambda: "device_data" in writer.log_tail() and pipeline.name in writer.log_tail(), 30,
                   lambda: f"the rival is refused by name:\n{writer.log_tail()}")
        assert not writer.ready()
    finally:
        writer.stop()
        kafka.delete_topics(rival.source_topic)
    assert landing.query("SELECT DISTINCT pipeline FROM sluice.targets") == [(pipeline.name,)]
