"""What may happen to the topics between the services: batches vanish or expire, and partitions have two owners."""

import time

import pytest

from support.admin import Admin
from support.kafka import parse_coverage
from support.oracle import load_truth
from support.process import wait_until

READERS = {"validated": "qc", "checked": "storage-writer"}
EMITTERS = {"validated": "ingest-validator", "checked": "qc"}


def partition_status(service, partition):
    with Admin(service.admin_address) as admin:
        for status in admin.call("GetStatus")["pipelines"][0]["partitions"]:
            if status["partition"] == partition:
                return status
    return {}


@pytest.mark.parametrize("stage", ["validated", "checked"])
def test_batches_deleted_under_a_reader(stage, rounds, chance, chain, load, pipeline, kafka, landing, sluicectl, finish):
    """A gap: nothing beyond it is applied, status and metric say so, and `repair` closes it."""
    topic = pipeline.internal_topic(stage)
    reader, emitter = chain.of(READERS[stage])[0], chain.of(EMITTERS[stage])[0]
    forgotten = {}
    for _ in rounds:
        landing.wait_for(landing.landed() + 3000)
        partition = chance.randrange(3)
        reader.kill()
        emitted = kafka.offsets(topic)[partition][1]
        wait_until(lambda: kafka.offsets(topic)[partition][1] > emitted + 5, 30, "unread batches")
        kafka.delete_before(topic, {partition: kafka.offsets(topic)[partition][1] - 1})
        reader.start(ready_within=None)
        reader.wait_metric("sluice_open_gaps", 1)
        status = wait_for_gap(reader, partition)
        missing = int(status["gap_first"])
        assert int(status["gap_next"]) > missing
        wait_until(lambda: landing.positions()[partition] == missing, 30,
                   lambda: f"what came before the gap has landed: {landing.positions()}, missing from {missing}")
        others = landing.landed()
        landing.wait_for(others + 3000)
        assert landing.positions()[partition] == missing, "nothing may be applied beyond a gap"
        sluicectl("--endpoint", reader.admin_address, "status", expect=1)

        sluicectl("--endpoint", emitter.admin_address, "repair", "--pipeline", pipeline, "--stage", stage,
                  "--partition", partition, "--from", missing)
        reader.wait_metric("sluice_open_gaps", 0)
        wait_until(lambda: landing.positions()[partition] > missing, 30, "the partition goes on")
        forgotten[partition] = missing
    finish(forgotten=forgotten)


def wait_for_gap(reader, partition):
    def gap():
        status = partition_status(reader, partition)
        return status if status.get("state") == "PARTITION_STATE_GAP" else None

    return wait_until(gap, 10, lambda: f"status shows the gap: {partition_status(reader, partition)}")


@pytest.fixture
def quiet(load, chain, pipeline, landing, kafka):
    """All of a load has landed, and each stage has told its group how far it is. Then the services end."""
    def end(kill=False):
        load.finish_now()
        landing.wait_all()
        groups = {"validated": pipeline.source_topic, "checked": pipeline.internal_topic("validated")}

        def remembered():
            return all(kafka.group_offsets(pipeline.group(stage), topic) ==
                       {partition: end for partition, (_, end) in kafka.offsets(topic).items()}
                       for stage, topic in groups.items())

        wait_until(remembered, 30, "the groups have committed the ends", 0.2)
        for service in chain.services:
            service.kill() if kill else service.stop()

    return end


def expire(kafka, pipeline, *stages):
    """Everything in an internal topic, to its last batch."""
    for stage in stages:
        topic = pipeline.internal_topic(stage)
        kafka.delete_before(topic, {partition: end for partition, (_, end) in kafka.offsets(topic).items()})


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
@pytest.mark.parametrize("stages", [("validated", "checked"), ("validated",), ("checked",)], ids="+".join)
def test_an_expired_log_is_resumed_exactly(stages, kill, quiet, chain, pipeline, kafka, landing, load, simulator, judge, calm):
    """A quiet partition's last batch has expired while everything stood still: the group remembers what it said."""
    quiet(kill)
    before = landing.positions()
    expire(kafka, pipeline, *stages)
    for service in chain.services:
        service.start(ready_within=None)
    for service in chain.services:
        service.wait_ready()
    assert landing.positions() == before
    more = simulator(3000, seed=6, name="simulator-2")
    more.finish()
    landing.wait_all()
    for stage in ("validated", "checked"):
        origins = {parse_coverage(batch.headers["sluice-coverage"]).origin for batch in kafka.read(pipeline.internal_topic(stage))}
        assert origins == {0}, "where the pipeline began is not forgotten either"
    judge({**load_truth(load.truth), **load_truth(more.truth)}, forgotten=before)


def test_an_expired_log_that_nobody_remembers_is_refused(quiet, chain, pipeline, kafka, landing, calm):
    """The groups are gone too, or somebody has set them by hand: no position is better than a guessed one."""
    quiet()
    before = landing.positions()
    expire(kafka, pipeline, "validated", "checked")
    kafka.set_group_offsets(pipeline.group("validated"), pipeline.source_topic, None)
    topic = pipeline.internal_topic("validated")
    kafka.set_group_offsets(pipeline.group("checked"), topic, {partition: end for partition, (_, end) in kafka.offsets(topic).items()})
    for service in chain.services:
        service.start(ready_within=None)
    for name in ("ingest-validator", "qc"):
        service = chain.of(name)[0]
        service.wait_metric("sluice_stopped_partitions", 3)
        wait_until(lambda: "does not remember the position" in service.http("/readyz")[1], 5, "readiness says why")
    assert landing.positions() == before


def test_two_owners(rounds, chain, load, landing, finish):
    """Every stage twice, and both own every partition, as far as they know: they are in groups of their own."""
    landing.wait_for(3000)
    rivals = [chain.add(name, ["--kafka-property", "group.id=rival"], ready_within=None) for name in chain.STAGES]
    for rival in rivals:
        rival.wait_metric("sluice_owned_partitions", 3)
    end = time.monotonic() + (120 if rounds.long else 15)
    while time.monotonic() < end:
        landing.wait_for(landing.landed() + 3000)
    assert chain.of("qc")[0].metric("sluice_repeated_records_total") > 0, "both validators have emitted"
    fences = sum(writer.metric("sluice_sink_fences_total") for writer in chain.of("storage-writer"))
    assert fences > 0, "both writers have written"
    for service in chain.services:
        assert service.metric("sluice_owned_partitions") == 3
    for rival in rivals:
        chain.remove(rival)
    finish()
