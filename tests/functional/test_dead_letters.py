"""Records that did not land well, produced again: each once, whatever happens to the command."""

import base64
import collections
import json
import random
import subprocess
import time

import psycopg
import pytest
from confluent_kafka import KafkaException

from support.admin import Admin
from support.process import wait_until
from support.services import bin_dir
from support.telemetry import clean_value

HEADER = "sluice-replay-of"
BROKEN = {"latitude": 0, "longitude": 0, "trip_start_latitude": 1, "trip_start_longitude": 1}  # has_gps_fix


@pytest.fixture
def database(database_url, sluicectl):
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def letters(sluicectl, pipeline):
    """`letters("list", ...)`: what sluicectl says, from its JSON."""
    def call(verb, *arguments, source="dead-letters", expect=0):
        done = sluicectl("-o", "json", "dead-letters", verb, "--from", source, "--pipeline", pipeline, *arguments, expect=expect)
        return json.loads(done.stdout) if done.stdout else done.stderr

    return call


@pytest.fixture
def refused(pipeline, chain, kafka, landing, database):
    """A chain whose database refuses fast cars: `refused(count)` makes so many dead letters among others, and gives the constraint up."""
    def make(count):
        pipeline.create(1)
        chain.start()
        kafka.produce(pipeline.source_topic, [(0, b"k", clean_value(0))])
        landing.wait_all()
        database.execute("ALTER TABLE device_data ADD CONSTRAINT slow CHECK (speed_kmph < 100)")
        values = [clean_value(number, speed_kmph=150 if number % 3 == 0 else 50) for number in range(3 * count)]
        kafka.produce(pipeline.source_topic, [(0, b"key", value) for value in values])
        landing.wait_all()
        database.execute("ALTER TABLE device_data DROP CONSTRAINT slow")
        return {offset: values[offset - 1] for offset in range(1, 3 * count, 3)}

    return make


def wait_landed(kafka, pipeline, landing):
    """A transaction leaves a control record behind its last one, at which no position ever arrives."""
    ends = {record.partition: record.offset + 1 for record in kafka.read(pipeline.source_topic)}
    landing.wait_all(ends=ends)


def replays(kafka, pipeline):
    """Original offset -> the records in the source that say they replay it."""
    found = collections.defaultdict(list)
    for record in kafka.read(pipeline.source_topic):
        if HEADER in record.headers:
            topic, partition, offset = record.headers[HEADER].decode().split("/")
            assert (topic, int(partition)) == (pipeline.source_topic, record.partition)
            found[int(offset)].append(record)
    return found


def test_list_show_and_replay(refused, pipeline, kafka, landing, letters, sluicectl, database):
    bad = refused(3)
    listed = letters("list")
    assert [(letter["partition"], letter["offset"], letter["state"], letter["reason"], letter["verdict"]) for letter in listed] == [
        (0, offset, "new", "23514", "clean") for offset in bad]
    assert "slow" in listed[0]["message"] and "device_data" in listed[0]["target"]
    for flags, count in ((("--reason", "23"), 3), (("--reason", "22"), 0), (("--partition", 1), 0), (("--state", "resolved"), 0),
                         (("--since", "1 January 2020"), 3), (("--until", "1 January 2020"), 0), (("--limit", 2), 2),
                         (("--rule", "trip_within_two_days"), 0), (("--partition", 0, "--offset", 4), 1)):
        assert len(letters("list", *flags)) == count, flags
    shown = letters("show", "--partition", 0, "--offset", 4)
    assert base64.b64decode(shown["value_base64"]) == bad[4] and shown["key"] == "key" and shown["reason"] == "23514"
    assert sluicectl("dead-letters", "show", "--pipeline", pipeline, "--partition", 0, "--offset", 4, "--raw").stdout.encode() == bad[4]
    assert "23514" in sluicectl("dead-letters", "list", "--pipeline", pipeline).stdout
    letters("show", "--partition", 0, "--offset", 5, expect=1)

    end = kafka.offsets(pipeline.source_topic)
    assert [letter["would_be"] for letter in letters("replay", "--all", "--dry-run")] == ["clean"] * 3
    letters("replay", expect=2)  # which ones?
    assert kafka.offsets(pipeline.source_topic) == end, "nothing was sent"

    sent = letters("replay", "--partition", 0, "--offset", 4)
    assert [(letter["offset"], letter["result"]) for letter in sent] == [(4, "replayed")]
    sent += letters("replay", "--all")
    assert sorted(letter["offset"] for letter in sent) == sorted(bad)
    wait_landed(kafka, pipeline, landing)
    found = replays(kafka, pipeline)
    assert {offset: [(record.key, record.value) for record in records] for offset, records in found.items()} == {
        offset: [(b"key", value)] for offset, value in bad.items()}
    assert {letter["offset"]: letter["replay_offset"] for letter in sent} == {
        offset: records[0].offset for offset, records in found.items()}
    landed = database.execute("SELECT kafka_offset FROM device_data WHERE speed_kmph = 150 ORDER BY 1").fetchall()
    assert landed == [(records[0].offset,) for _, records in sorted(found.items(), key=lambda item: item[1][0].offset)]
    assert {letter["state"] for letter in letters("list")} == {"resolved"}
    assert database.execute("SELECT DISTINCT state FROM sluice.dead_letters").fetchall() == [("replayed",)]

    assert letters("replay", "--all") == []
    assert letters("replay", "--partition", 0, "--offset", 4)[0]["result"] == "was replayed before"
    assert replays(kafka, pipeline).keys() == bad.keys() and all(len(records) == 1 for records in replays(kafka, pipeline).values())
    sluicectl("verify", "--pipeline", pipeline)


@pytest.mark.parametrize("where", ["written down", "sent", "half-way in its transaction"])
def test_killed_half_way(where, refused, pipeline, kafka, landing, letters, sluicectl, database):
    """What a run that is no more has left behind, wherever it ended."""
    bad = refused(2)
    topic, first = pipeline.source_topic, next(iter(bad))
    letters("replay", "--partition", 0, "--offset", list(bad)[1])  # leaves the topic's id in sluice.replays
    end = kafka.offsets(topic)[0][1]
    database.execute("INSERT INTO sluice.replays (topic, topic_id, partition, kafka_offset, search_from) "
                     "SELECT topic, topic_id, 0, %s, %s FROM sluice.replays LIMIT 1", [first, end])
    record = (b"key", bad[first], {"headers": {HEADER: f"{topic}/0/{first}"}})
    lost = kafka.producer(**{"transactional.id": f"sluice.replay.{topic}"})
    if where != "written down":
        lost.init_transactions(20)
        lost.begin_transaction()
        lost.produce(topic, record[1], record[0], 0, headers=record[2]["headers"])
        assert lost.flush(20) == 0
    if where == "sent":
        lost.commit_transaction(20)
    sent = letters("replay", "--all")
    assert sent == [] if where == "sent" else [letter["result"] for letter in sent] == ["replayed"]
    if where == "half-way in its transaction":
        with pytest.raises(KafkaException):
            lost.commit_transaction(20)  # it comes too late for ever
    found = replays(kafka, pipeline)
    assert {offset: len(records) for offset, records in found.items()} == dict.fromkeys(bad, 1)
    assert {letter["offset"]: letter["replay_offset"] for letter in letters("list")} == {
        offset: records[0].offset for offset, records in found.items()}
    wait_landed(kafka, pipeline, landing)
    assert {letter["state"] for letter in letters("list")} == {"resolved"}
    sluicectl("verify", "--pipeline", pipeline)


def test_killed_at_random(refused, pipeline, kafka, stack, landing, letters, sluicectl, database_url):
    chance = random.Random(17)
    bad = refused(800)
    command = [bin_dir() / "sluicectl", "dead-letters", "replay", "--all", "--limit", "20", "--pipeline", pipeline.folder,
               "--bootstrap-servers", stack.bootstrap_servers, "--database-url", database_url]
    begun = time.monotonic()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    duration = time.monotonic() - begun
    killed = ended = 0
    while killed < 12:
        begun = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                assert process.wait(chance.uniform(0.3, 1) * duration) == 0
                duration = min(duration, time.monotonic() - begun)  # the first run may have met a slow moment
                ended += 1
            except subprocess.TimeoutExpired:
                process.kill()
                killed += 1
    sent = len(replays(kafka, pipeline))
    print(f"{killed} runs were killed, {ended} came to their end; {sent} records were sent")
    assert sent < len(bad), "something was left to do all the time"
    while letters("replay", "--all", "--limit", "100"):
        pass
    counts = {offset: len(records) for offset, records in replays(kafka, pipeline).items()}
    assert counts == dict.fromkeys(bad, 1)
    wait_landed(kafka, pipeline, landing)
    assert {letter["state"] for letter in letters("list", "--limit", "1000")} == {"resolved"}
    sluicectl("verify", "--pipeline", pipeline)


def test_a_corrupt_record_is_edited(pipeline, chain, kafka, landing, letters, sluicectl, tmp_path):
    pipeline.create(2)
    chain.start()
    kafka.produce(pipeline.source_topic, [(1, b"k", clean_value(0)), (1, b"a\0key", b'{"trip_id": \xff'), (1, None, b"[]")])
    wait_landed(kafka, pipeline, landing)
    listed = letters("list", source="corrupt")
    assert [(letter["partition"], letter["offset"], letter["reason"]) for letter in listed] == [
        (1, 1, "invalid_utf8"), (1, 2, "not_an_object")]
    assert base64.b64decode(letters("show", "--partition", 1, "--offset", 1, source="corrupt")["value_base64"]) == b'{"trip_id": \xff'
    better, worse = tmp_path / "better.json", tmp_path / "worse.json"
    better.write_bytes(clean_value(5))
    worse.write_bytes(clean_value(5, latitude=91))
    here = ("--partition", 1, "--offset", 1)
    assert [letter["would_be"] for letter in letters("replay", *here, "--dry-run", source="corrupt", expect=1)] == ["corrupt"]
    rehearsed = letters("replay", *here, "--dry-run", "--with", worse, source="corrupt", expect=1)
    assert rehearsed[0]["would_be"] == "failed" and "latitude_maximum" in rehearsed[0]["why"]
    assert letters("replay", *here, "--dry-run", "--with", better, source="corrupt")[0]["would_be"] == "clean"
    letters("replay", "--reason", "invalid", "--with", better, source="corrupt", expect=2)  # one record only

    letters("replay", *here, "--with", better, source="corrupt")
    wait_landed(kafka, pipeline, landing)
    record = replays(kafka, pipeline)[1][0]
    assert (record.key, record.value) == (b"a\0key", better.read_bytes())
    assert [letter["state"] for letter in letters("list", source="corrupt")] == ["resolved", "new"]
    again = letters("replay", *here, "--with", worse, source="corrupt", expect=1)
    assert again[0]["result"] == "was replayed before; nothing was sent"
    # Sent as it is, it is what it was.
    letters("replay", "--reason", "not_an", source="corrupt")
    wait_landed(kafka, pipeline, landing)
    assert [letter["state"] for letter in letters("list", source="corrupt")] == ["resolved", "replayed", "new"]
    sluicectl("verify", "--pipeline", pipeline)


def test_failed_records_after_a_new_contract(pipeline, chain, kafka, landing, letters, sluicectl):
    pipeline.create(1)
    chain.start()
    kafka.produce(pipeline.source_topic, [(0, b"k", clean_value(number, **(BROKEN if number == 3 else {"latitude": 91} if number == 4 else {})))
                                          for number in range(6)])
    wait_landed(kafka, pipeline, landing)
    assert [letter["offset"] for letter in letters("list", "--rule", "has_gps_fix", source="failed")] == [3]
    path = pipeline.folder / "contract.odcs.yaml"
    text = path.read_text()
    path.write_text(text.replace("version: 1.0.0", "version: 1.1.0", 1)
                    .replace("(latitude = 0 and longitude = 0), action: quarantine", "(latitude = 0 and longitude = 0), action: warn", 1))
    assert letters("replay", "--rule", "has_gps_fix", "--dry-run", source="failed")[0]["would_be"] == "clean"
    with Admin(chain.of("ingest-validator")[0].admin_address) as admin:
        admin.call("ReloadContract")
    letters("replay", "--rule", "has_gps_fix", source="failed")
    wait_landed(kafka, pipeline, landing)
    assert {letter["offset"]: letter["state"] for letter in letters("list", source="failed")} == {3: "resolved", 4: "new"}
    sluicectl("verify", "--pipeline", pipeline)


def test_the_source_has_it_no_longer(refused, pipeline, chain, kafka, landing, letters):
    """What the database refused has a copy of its columns; a corrupt record has none that would do."""
    bad = refused(2)
    kafka.produce(pipeline.source_topic, [(0, b"k", b"broken"), (0, b"k", clean_value(1))])
    wait_landed(kafka, pipeline, landing)
    corrupt = letters("list", source="corrupt")[0]["offset"]
    kafka.delete_before(pipeline.source_topic, {0: corrupt + 1})
    first = next(iter(bad))
    letters("replay", "--all")
    wait_landed(kafka, pipeline, landing)
    record = replays(kafka, pipeline)[first][0]
    assert record.key == b"key" and json.loads(record.value)["speed_kmph"] == 150
    wait_until(lambda: {letter["state"] for letter in letters("list")} == {"resolved"}, 10, "resolved")
    refusal = letters("replay", "--all", source="corrupt", expect=1)
    assert "no longer has it" in refusal[0]["result"]


def test_another_log(refused, pipeline, chain, kafka, letters):
    """A recreated topic has other records at the same offsets."""
    refused(1)
    chain.stop()
    kafka.delete_topics(pipeline.source_topic)
    wait_until(lambda: not kafka.partitions(pipeline.source_topic), 20, "the topic is gone")
    kafka.create_topic(pipeline.source_topic, 1)
    assert "recreated" in letters("replay", "--all", expect=1)
    assert not replays(kafka, pipeline)
