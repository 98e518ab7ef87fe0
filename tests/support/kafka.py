"""Kafka as anybody may use it: confluent-kafka, and pyarrow for what travels between the stages."""

import dataclasses
import json
import uuid

import confluent_kafka
import pyarrow
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic

LARGEST_MESSAGE = 16 << 20


@dataclasses.dataclass(slots=True)
class Record:
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: dict


class Kafka:
    def __init__(self, bootstrap_servers):
        self.bootstrap_servers = bootstrap_servers
        # A broker that goes away is part of many tests, and no news.
        self._settings = {"bootstrap.servers": bootstrap_servers, "log_level": 2}
        self.admin = AdminClient(self._settings)

    def create_topic(self, name, partitions, **config):
        future = self.admin.create_topics([NewTopic(name, partitions, 1, config=config)])[name]
        future.result(20)

    def configure_topic(self, name, **config):
        """Sets these keys; others stay as they are."""
        resource = ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=[
            ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in config.items()])
        self.admin.incremental_alter_configs([resource])[resource].result(20)

    def delete_topics(self, *names):
        """Those of them that are there."""
        there = [name for name in names if self.partitions(name)]
        for future in self.admin.delete_topics(there).values() if there else ():
            future.result(20)

    def delete_before(self, topic, offsets):
        """Cuts the begin of a log off, as retention does: partition -> first offset that stays."""
        where = [confluent_kafka.TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
        for future in self.admin.delete_records(where).values():
            future.result(20)

    def group_offsets(self, group, topic):
        """What a consumer group has committed: partition -> offset."""
        asked = confluent_kafka.ConsumerGroupTopicPartitions(
            group, [confluent_kafka.TopicPartition(topic, partition) for partition in self.partitions(topic)])
        answer = self.admin.list_consumer_group_offsets([asked])[group].result(20)
        return {where.partition: where.offset for where in answer.topic_partitions if where.offset >= 0}

    def set_group_offsets(self, group, topic, offsets):
        """Of a group without members; None deletes the group."""
        if offsets is None:
            self.admin.delete_consumer_groups([group])[group].result(20)
            return
        wanted = confluent_kafka.ConsumerGroupTopicPartitions(
            group, [confluent_kafka.TopicPartition(topic, partition, offset) for partition, offset in offsets.items()])
        self.admin.alter_consumer_group_offsets([wanted])[group].result(20)

    def partitions(self, topic):
        """Partition ids of a topic, none when there is no such topic."""
        known = self.admin.list_topics(topic, timeout=10).topics.get(topic)
        return sorted(known.partitions) if known and known.error is None else []

    def consumer(self, **settings):
        return confluent_kafka.Consumer({
            **self._settings, "group.id": f"support-{uuid.uuid4().hex}", "enable.auto.commit": False,
            "isolation.level": "read_committed", "enable.partition.eof": True, "auto.offset.reset": "earliest",
            "fetch.message.max.bytes": LARGEST_MESSAGE, "fetch.max.bytes": 4 * LARGEST_MESSAGE,
            "fetch.wait.max.ms": 20, "queued.max.messages.kbytes": 65536, **settings})

    def producer(self, **settings):
        return confluent_kafka.Producer({**self._settings, "message.max.bytes": LARGEST_MESSAGE, "linger.ms": 2,
                                         "acks": "all", **settings})

    def offsets(self, topic):
        """(begin, end) of each partition."""
        consumer = self.consumer()
        try:
            return {partition: consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, partition), 10)
                    for partition in self.partitions(topic)}
        finally:
            consumer.close()

    def read(self, topic, seconds=120):
        """Every record of a topic from its begin to its end, in the order of each partition."""
        partitions = self.partitions(topic)
        consumer = self.consumer()
        consumer.assign([confluent_kafka.TopicPartition(topic, partition, confluent_kafka.OFFSET_BEGINNING)
                         for partition in partitions])
        waiting = set(partitions)
        try:
            while waiting:
                message = consumer.poll(seconds)
                if message is None:
                    raise TimeoutError(f"{topic} did not answer within {seconds} s")
                error = message.error()
                if error is None:
                    yield Record(message.partition(), message.offset(), message.key(), message.value(),
                                 message.timestamp()[1], _headers(message))
                elif error.code() == confluent_kafka.KafkaError._PARTITION_EOF:
                    waiting.discard(message.partition())
                else:
                    raise confluent_kafka.KafkaException(error)
        finally:
            consumer.close()

    def produce(self, topic, records):
        """Sends (partition, key, value, {more}) and returns their offsets in the same order, all acknowledged.

        `more`, which may be left out, are further arguments of confluent_kafka.Producer.produce: headers, timestamp.
        """
        producer = self.producer()
        offsets = {}

        def acknowledged(index):
            def keep(error, message):
                if error is not None:
                    raise confluent_kafka.KafkaException(error)
                offsets[index] = message.offset()
            return keep

        count = 0
        for index, (partition, key, value, *more) in enumerate(records):
            count += 1
            while True:
                try:
                    producer.produce(topic, value, key, partition, on_delivery=acknowledged(index),
                                     **(more[0] if more else {}))
                    break
                except BufferError:
                    producer.poll(0.1)
            producer.poll(0)
        if producer.flush(60):
            raise TimeoutError(f"{topic}: not all records were acknowledged")
        return [offsets[index] for index in range(count)]


def _headers(message):
    """By name, the last of each. None at all when a name is no text: confluent-kafka cannot show those."""
    try:
        return dict(message.headers() or ())
    except UnicodeDecodeError:
        return {}


@dataclasses.dataclass
class Coverage:
    """The header `sluice-coverage` of an internal message (proto/sluice/wire/v1/coverage.proto), read by hand."""

    partition: int = 0
    first: int = 0
    next: int = 0
    origin: int = 0
    counts: list = dataclasses.field(default_factory=list)
    lost: bool = False


def _varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _signed(value):
    return value - (1 << 64) if value >> 63 else value


def _fields(data):
    """The fields of a protobuf message: (number, value, the field's bytes)."""
    at = 0
    while at < len(data):
        start = at
        tag, at = _varint(data, at)
        if tag & 7 == 0:
            value, at = _varint(data, at)
        elif tag & 7 == 2:
            length, at = _varint(data, at)
            value, at = data[at:at + length], at + length
        else:
            raise ValueError(f"wire type {tag & 7} in a coverage header")
        yield tag >> 3, value, data[start:at]


def parse_coverage(data):
    coverage = Coverage()
    names = {5: "partition", 6: "first", 7: "next", 8: "origin"}
    for number, value, _ in _fields(data):
        if number in names:
            setattr(coverage, names[number], _signed(value))
        elif number == 9:
            at = 0
            while at < len(value):
                count, at = _varint(value, at)
                coverage.counts.append(_signed(count))
        elif number == 10:
            coverage.lost = bool(value)
    return coverage


def with_range(data, first, next_):
    """A coverage header for another range, in which there are no records."""
    kept = b"".join(field for number, _, field in _fields(data) if number not in (6, 7, 9))
    return kept + bytes([6 << 3]) + _to_varint(first) + bytes([7 << 3]) + _to_varint(next_)


def _to_varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def read_batch(record):
    """(Coverage, pyarrow.Table or None) of one internal message."""
    coverage = parse_coverage(record.headers["sluice-coverage"])
    table = pyarrow.ipc.open_stream(record.value).read_all() if record.value else None
    return coverage, table


def as_json(value):
    return json.dumps(value, separators=(",", ":")).encode()
