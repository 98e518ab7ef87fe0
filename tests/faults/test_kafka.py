"""Kafka misbehaves under load: it stands still, the network to it fails, its limits and topics change."""

import contextlib
import signal
import time

import grpc
import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, ResourceType

from support.admin import Admin
from support.kafka import read_batch
from support.process import wait_until
from support.proxy import PRODUCE, TO_CLIENT, KafkaProxy
from support.telemetry import clean_value

# Who writes and who reads each topic between the services.
NEIGHBOURS = {"validated": ("ingest-validator", "qc"), "checked": ("qc", "storage-writer")}
SENDERS = ["producer-simulator", "ingest-validator", "qc"]


@pytest.fixture
def broker(stack):
    """Kafka's process; whatever happens, it goes on afterwards."""
    yield stack.kafka.daemon
    stack.kafka.daemon.send(signal.SIGCONT)
    stack.kafka.start()


@pytest.fixture
def process(chain, load):
    """A process by the name of its service."""
    return lambda name: load if name == load.name else chain.of(name)[0]


@pytest.fixture
def through(stack):
    """`through(service)` starts it again with a proxy between it and Kafka."""
    with contextlib.ExitStack() as proxies:
        def through(service):
            proxy = proxies.enter_context(KafkaProxy(stack.kafka.port))
            assert service.stop() == 0, service.log_tail()
            service.bootstrap_servers = f"127.0.0.1:{proxy.port}"
            service.start()
            return proxy

        yield through


def says(service, what):
    """Whether its status names `what` as a problem."""
    try:
        with Admin(service.admin_address) as admin:
            pipeline, = admin.call("GetStatus", seconds=5)["pipelines"]
    except grpc.RpcError:
        return False
    problems = [pipeline["error"], *(partition["error"] for partition in pipeline["partitions"])]
    return any(what in problem for problem in problems)


def wait_says(service, what, seconds=30):
    wait_until(lambda: says(service, what) and not service.ready(), seconds,
               lambda: f"{service.instance} is not ready and says {what!r}\n{service.log_tail()}", 0.1)


def test_the_broker_stands_still(rounds, chance, wait_for_a_moment, broker, finish):
    """Connections stay, and nothing answers: for longer than a send may take, and than a session lasts."""
    for number in rounds:
        wait_for_a_moment()
        broker.send(signal.SIGSTOP)
        time.sleep(30 if rounds.long and number == 0 else chance.uniform(1, 15 if rounds.long else 4))
        broker.send(signal.SIGCONT)
    wait_for_a_moment()
    finish()


@pytest.mark.parametrize("name", [*SENDERS, "storage-writer"])
def test_the_network_fails(name, rounds, chance, wait_for_a_moment, process, through, finish):
    """Between one service and Kafka: reset, refused, silent for a while, and silent until it is reset."""
    victim = process(name)
    proxy = through(victim)
    ways = ["reset", "refused", "silent", "dead"]
    for number in rounds:
        if number % 2 == 0:
            chance.shuffle(ways)
        for way in ways[:2] if number % 2 == 0 else ways[2:]:
            wait_for_a_moment()
            seconds = 30 if rounds.long and number < 2 else chance.uniform(0.5, 12 if rounds.long else 2)
            print(f"{way} for {seconds:.1f} s")
            if way == "reset":
                assert proxy.cut() > 0
                continue
            if way == "refused":
                proxy.refuse()
            else:
                proxy.hold()
            time.sleep(seconds)
            if way == "dead":
                proxy.cut()
            proxy.forward()
    wait_for_a_moment()
    finish()


@pytest.mark.parametrize("name", SENDERS)
def test_the_reply_to_a_produce_is_lost(name, rounds, wait_for_a_moment, process, through, chain, finish):
    """It is stored, and sent again. The simulator's second one is refused by the broker; a batch is stored twice."""
    lost, armed = [], []

    def lose(link, direction, api, data):
        if direction == TO_CLIENT and api == PRODUCE and armed:
            lost.append(armed.pop())
            link.cut()
            return None
        return data

    proxy = through(process(name))
    proxy.hook = lose
    for number in rounds:
        wait_for_a_moment()
        armed.append(number)
        wait_until(lambda: not armed, 30, "a reply is lost")
    wait_for_a_moment()
    readers = {writer: reader for writer, reader in NEIGHBOURS.values()}
    if name in readers:
        reader = chain.of(readers[name])[0]
        assert reader.metric("sluice_repeated_records_total") > 0, "no batch was stored twice"
    oracle = finish()
    assert len({record.headers["sluice-record-id"] for record in oracle.source.values()}) == len(oracle.source)
    assert len(lost) >= 2


@pytest.mark.parametrize("stage", NEIGHBOURS)
def test_a_batch_is_larger_than_the_broker_allows(stage, rounds, wait_for_a_moment, chain, pipeline, kafka, finish, sluicectl):
    """The limit is lowered while it runs: the stage stops by name, tries nothing again, and goes on when told to."""
    service = chain.of(NEIGHBOURS[stage][0])[0]
    topic = ConfigResource(ResourceType.TOPIC, pipeline.internal_topic(stage))

    def limit(value, what=AlterConfigOpType.SET):
        topic.incremental_configs = [ConfigEntry("max.message.bytes", str(value), incremental_operation=what)]
        for future in kafka.admin.incremental_alter_configs([topic]).values():
            future.result(20)

    for _ in rounds:
        wait_for_a_moment()
        limit(1000)
        service.wait_metric("sluice_stopped_partitions", 3)
        wait_says(service, "max.message.bytes")
        failures = service.metric("sluice_produce_failures_total")
        # An operator who changes nothing gets the same answer, once for each partition.
        sluicectl("resume", "--pipeline", pipeline.name, "--endpoint", service.admin_address)
        service.wait_metric("sluice_produce_failures_total", failures + 3)
        service.wait_metric("sluice_stopped_partitions", 3)
        assert service.metric("sluice_produce_failures_total") == failures + 3
        limit(16 << 20)
        sluicectl("resume", "--pipeline", pipeline.name, "--endpoint", service.admin_address)
        service.wait_metric("sluice_stopped_partitions", 0)
    wait_for_a_moment()
    finish()


@pytest.mark.parametrize("stage", NEIGHBOURS)
def test_an_internal_topic_is_deleted(stage, wait_for_a_moment, chain, pipeline, kafka, finish):
    """Both neighbours name it. The one that writes makes it anew when it is started again, from the begin of its input."""
    writer, reader = (chain.of(name)[0] for name in NEIGHBOURS[stage])
    wait_for_a_moment()
    kafka.delete_topics(pipeline.internal_topic(stage))
    for service in (reader, writer):
        wait_says(service, pipeline.internal_topic(stage))
    assert writer.stop() == 0
    writer.start()
    for service in (reader, writer):
        service.wait_ready()
    finish()


def test_partitions_are_added_under_load(chain, pipeline, kafka, landing, wait_for_a_moment, finish):
    """Records flow into the new partitions before anybody has them."""
    wait_for_a_moment()
    kafka.admin.create_partitions([NewPartitions(pipeline.source_topic, 6)])[pipeline.source_topic].result(20)
    wait_until(lambda: len(landing.positions()) == 6, 60, lambda: f"six partitions: {landing.positions()}")
    wait_for_a_moment()
    finish()
    for stage in NEIGHBOURS:
        assert len(kafka.partitions(pipeline.internal_topic(stage))) == 6


def test_the_contracts_are_deleted(wait_for_a_moment, chain, pipeline, kafka, finish):
    """Who knows the contract goes on; who has to look it up names the topic, until the validator writes it again."""
    wait_for_a_moment()
    kafka.delete_topics("sluice.contracts")
    qc, = chain.of("qc")
    assert qc.stop() == 0
    qc.start(ready_within=None)
    wait_says(qc, "sluice.contracts")
    validator, = chain.of("ingest-validator")
    assert validator.stop() == 0
    validator.start()
    for service in chain.services:
        service.wait_ready()
    finish()


def test_the_source_is_recreated_out_of_sight(chain, pipeline, kafka, landing, stack, through, sluicectl):
    """Longer than it was, while the validator was cut off: at its position there is another record, which it must not take."""
    pipeline.create(1)
    chain.start()
    validator, = chain.of("ingest-validator")
    proxy = through(validator)
    kafka.produce(pipeline.source_topic, [(0, b"old", clean_value(number)) for number in range(1000)])
    landing.wait_all()
    proxy.refuse()
    kafka.delete_topics(pipeline.source_topic)
    wait_until(lambda: not kafka.partitions(pipeline.source_topic), 20, "the topic is gone")
    pipeline.create(1)
    kafka.produce(pipeline.source_topic, [(0, b"new", clean_value(number)) for number in range(5000)])
    proxy.forward()
    wait_says(validator, "the source topic was recreated")
    assert landing.positions() == {0: 1000}
    assert landing.query("SELECT DISTINCT message_key FROM device_data") == [("old",)]
    assert max(read_batch(message)[0].next for message in kafka.read(pipeline.internal_topic("validated"))) == 1000
