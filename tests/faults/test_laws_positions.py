"""What may happen to positions: group offsets that anybody sets, a coverage row changed by hand, PostgreSQL put back."""

import re

import pytest

from support.admin import Admin
from support.process import wait_until


def inputs(pipeline):
    """The groups of the three stages, and the topic their offsets are of."""
    validated, checked = pipeline.internal_topic("validated"), pipeline.internal_topic("checked")
    return {"ingest-validator": (pipeline.group("validated"), pipeline.source_topic),
            "qc": (pipeline.group("checked"), validated), "storage-writer": (pipeline.group("postgres"), checked)}


@pytest.mark.parametrize("name", ["ingest-validator", "qc", "storage-writer"])
def test_group_offsets_of_any_value(name, rounds, chance, chain, load, pipeline, kafka, wait_for_a_moment, finish):
    """Deleted, set back, set ahead, beyond the end: truth lies elsewhere."""
    service, (group, topic) = chain.of(name)[0], inputs(pipeline)[name]
    for number in rounds:
        wait_for_a_moment()
        assert service.stop() == 0
        ends = {partition: end for partition, (_, end) in kafka.offsets(topic).items()}
        kafka.set_group_offsets(group, topic, chance.choice([
            None, ends, dict.fromkeys(ends, 0), {partition: end + 1000 for partition, end in ends.items()},
            {partition: chance.randrange(end + 1) for partition, end in ends.items()}]) if number else ends)
        service.start(ready_within=None)
    wait_for_a_moment()
    finish()


def test_group_offset_ahead_of_a_quiet_log(chain, load, pipeline, kafka, landing, finish):
    """Nothing comes after the batches that the offset claims to be done, so that no gap could show it."""
    landing.wait_for(3000)
    qc, validator = chain.of("qc")[0], chain.of("ingest-validator")[0]
    assert qc.stop() == 0
    behind = landing.wait_emitted("checked")
    load.finish_now()
    ends = {partition: end for partition, (_, end) in kafka.offsets(pipeline.source_topic).items()}
    wait_until(lambda: landing.emitted("validated") == ends, 30, "all records are validated", 0.2)
    assert validator.stop() == 0
    group, topic = inputs(pipeline)["qc"]
    kafka.set_group_offsets(group, topic, {partition: end for partition, (_, end) in kafka.offsets(topic).items()})
    qc.start(ready_within=None)
    landing.wait_all()
    assert landing.landed() > sum(behind.values())
    validator.start()
    finish()


def stop_reason(writer, partition):
    with Admin(writer.admin_address) as admin:
        for status in admin.call("GetStatus")["pipelines"][0]["partitions"]:
            if status["partition"] == partition and status["state"] == "PARTITION_STATE_STOPPED":
                return status["error"]
    return None


HANDS = {
    "removed": "DELETE FROM sluice.coverage WHERE pipeline = %s AND partition = 1",
    "set back": "UPDATE sluice.coverage SET next_offset = next_offset - 100 WHERE pipeline = %s AND partition = 1",
    "set ahead": "UPDATE sluice.coverage SET next_offset = next_offset + 100 WHERE pipeline = %s AND partition = 1",
    "forgotten": "UPDATE sluice.coverage SET next_offset = NULL, origin = NULL WHERE pipeline = %s AND partition = 1",
}


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
@pytest.mark.parametrize("hand", HANDS)
def test_coverage_changed_by_hand(hand, running, chain, load, pipeline, landing, finish):
    """Refused by name, without a row too many or too few; the message says how to put it right."""
    landing.wait_for(3000)
    writer = chain.of("storage-writer")[0]
    if not running:
        assert writer.stop() == 0
    landing.query(HANDS[hand] + " RETURNING 1", [pipeline.name])
    if not running:
        writer.start(ready_within=None)
    writer.wait_metric("sluice_stopped_partitions", 1)
    reason = wait_until(lambda: stop_reason(writer, 1), 5, "the status says why")
    assert not writer.ready()
    others = {partition: next_ for partition, next_ in landing.positions().items() if partition != 1}
    wait_until(lambda: all(landing.positions()[partition] > next_ for partition, next_ in others.items()), 30,
               "the other partitions go on")

    said = re.search(r"set next_offset to (\d+)", reason)
    assert said, reason
    landing.query("UPDATE sluice.coverage SET next_offset = %s, origin = (SELECT min(first_offset) FROM sluice.ledger "
                  "WHERE pipeline = %s AND partition = 1) WHERE pipeline = %s AND partition = 1 RETURNING 1",
                  [int(said[1]), pipeline.name, pipeline.name])
    with Admin(writer.admin_address) as admin:
        admin.call("Resume")
    writer.wait_metric("sluice_stopped_partitions", 0)
    finish()
