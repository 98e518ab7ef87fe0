"""Every record of tests/data/hostile among good ones: each gets its verdict, and nobody is held up by it."""

import concurrent.futures
import re
import time

import psycopg
import psycopg.rows
import pytest

from support.hostile import FOLDER, RAW_FAMILY, TABLES, TYPES, good_value, hostile_records, same
from support.oracle import Expected
from support.raw_producer import RawProducer

PARTITIONS = 3
RAW_KEPT = 16 << 10  # limits.max_raw_bytes, by default
LONGEST_PAUSE = 5  # seconds; the aim is one, on a machine that does nothing else


@pytest.fixture
def pipeline_source():
    return FOLDER


class Traffic:
    """Hostile records at random places among good ones, sent at a steady pace."""

    def __init__(self, kafka, topic, good, rate, chance):
        self._kafka = kafka
        self._topic = topic
        self._rate = rate
        hostile = hostile_records()
        chance.shuffle(hostile)
        mixed = hostile + [None] * good
        places = chance.sample(range(len(mixed)), len(hostile))
        self._mixed = [None] * len(mixed)
        for place, record in zip(places, hostile):
            self._mixed[place] = record
        self._chance = chance
        self.hostile = {}  # (partition, offset) -> HostileRecord
        self.truth = {}
        self.sent = [0] * PARTITIONS
        self._by_client = []  # (partition, HostileRecord or None) in the order of Kafka.produce

    def _records(self, raw):
        begin = time.monotonic()
        for number, record in enumerate(self._mixed):
            time.sleep(max(0.0, begin + number / self._rate - time.monotonic()))
            partition = self._chance.randrange(PARTITIONS)
            if record is not None and record.family == RAW_FAMILY:
                offset = raw.produce(self._topic, partition, record.key, record.value, record.headers,
                                     int(time.time() * 1000) if record.timestamp is None else record.timestamp)
                self._keep(partition, offset, record)
            else:
                self._by_client.append((partition, record))
                yield (partition, None, good_value(number, self._chance)) if record is None else _to_produce(partition, record)
            self.sent[partition] += 1

    def _keep(self, partition, offset, record):
        self.truth[partition, offset] = Expected("clean", None, ()) if record is None else record.expected
        if record is not None:
            self.hostile[partition, offset] = record

    def run(self):
        with RawProducer(self._kafka.bootstrap_servers) as raw:
            offsets = self._kafka.produce(self._topic, self._records(raw))
        for (partition, record), offset in zip(self._by_client, offsets):
            self._keep(partition, offset, record)


def _to_produce(partition, record):
    more = {}
    if record.headers:
        more["headers"] = [(name.decode(), value) for name, value in record.headers]
    if record.timestamp is not None:
        more["timestamp"] = record.timestamp
    return partition, record.key, record.value, more


def longest_pause(landing, sent, done):
    """Watches positions until everything has landed: the longest time for which one stood still with input before it.

    Returns (seconds, where it stood). The first commit is not counted: it makes the tables.
    """
    longest, since, before = (0.0, (0, 0)), [time.monotonic()] * PARTITIONS, [0] * PARTITIONS
    while True:
        over, now = done(), time.monotonic()
        positions = landing.positions()
        for partition in range(PARTITIONS):
            landed = positions.get(partition, 0)
            if sent[partition] > before[partition] > 0:
                longest = max(longest, (now - since[partition], (partition, before[partition])))
            if landed != before[partition] or sent[partition] <= landed:
                before[partition], since[partition] = landed, now
        if over and all(positions.get(partition, 0) >= sent[partition] for partition in range(PARTITIONS)):
            return longest
        assert longest[0] < 60, f"a partition stands still: {positions} landed of {sent}"
        time.sleep(0.005)


def test_hostile_records_among_good_ones(pipeline, chain, landing, judge, kafka, chance, rounds, sluicectl, database_url):
    good, rate = (100_000, 10_000) if rounds.long else (20_000, 5_000)
    pipeline.create(PARTITIONS, **{"max.message.bytes": "16000000", "retention.ms": "-1",
                                   "message.timestamp.after.max.ms": str((1 << 63) - 1)})
    chain.start()
    pids = [service.pid for service in chain.services]
    traffic = Traffic(kafka, pipeline.source_topic, good, rate, chance)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        sending = pool.submit(traffic.run)
        pause, stood = longest_pause(landing, traffic.sent, sending.done)
        sending.result()
    print(f"{len(traffic.hostile)} hostile records among {good}; the longest pause of a partition: {pause * 1000:.0f} ms, "
          f"at {stood}, before {next((str(record) for where, record in sorted(traffic.hostile.items(), key=lambda item: item[0]) if where >= stood), '-')}")
    assert len(traffic.hostile) >= 300

    landing.wait_all()
    assert [service.pid for service in chain.services] == pids, "a service was restarted"
    try:
        judge(traffic.truth, tables=TABLES)
    except AssertionError as problem:
        where = "\n".join(f"{where} is {record}" for where, record in traffic.hostile.items() if str(where) in str(problem))
        raise AssertionError(f"{problem}\n{where}") from None
    found = list(differences(database_url, traffic.hostile))
    assert not found, "\n".join(found[:20])
    sluicectl("verify", "--pipeline", pipeline)
    texts = {service.log: service.log.read_text() for service in chain.services}
    for where in chance.sample(list(for_terminals(traffic.hostile)), 50 if rounds.long else 5):
        texts[str(traffic.hostile[where])] = sluicectl("explain", "--pipeline", pipeline, "--partition", where[0],
                                                  "--offset", where[1]).stdout
    for source, text in texts.items():
        assert not UNPRINTABLE.findall(text), f"{source}: {UNPRINTABLE.findall(text)}"
    assert pause < LONGEST_PAUSE


def differences(database_url, hostile):
    """What is stored against what each hostile record says: columns to the last bit, the kept bytes to the last one."""
    with psycopg.connect(database_url, row_factory=psycopg.rows.dict_row) as database:
        for verdict, table in TABLES.items():
            rows = database.execute(f"SELECT * FROM {table} WHERE (kafka_partition, kafka_offset) IN "
                                    "(SELECT * FROM unnest(%s::int[], %s::bigint[]))",
                                    [list(column) for column in zip(*hostile)], binary=True).fetchall()
            there = {(row["kafka_partition"], row["kafka_offset"]): row for row in rows}
            for where, record in hostile.items():
                if record.expected.verdict != verdict:
                    continue
                row = there.get(where)
                if row is None:
                    yield f"{record}: not in {table}"
                elif verdict != "corrupt":
                    for column in TYPES:
                        if not same(row[column], record.columns.get(column)):
                            yield f"{record}: {column} is {row[column]!r:.200}, not {record.columns.get(column)!r:.200}"
                elif row["raw"] != record.value[:RAW_KEPT]:
                    yield f"{record}: {len(row['raw'])} bytes are kept of {len(record.value)}"


# Control characters, and marks that turn the direction of the text around them.
UNPRINTABLE = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def for_terminals(hostile):
    """Where the records lie that would do something to a terminal, those that are not too long to look at."""
    for where, record in hostile.items():
        texts = [record.key or b"", record.value or b"", *(value.encode() for value in (record.columns or {}).values()
                                                           if isinstance(value, str))]
        if any(len(text) < 100 and UNPRINTABLE.search(text.decode(errors="ignore")) for text in texts):
            yield where
