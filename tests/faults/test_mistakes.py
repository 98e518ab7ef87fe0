"""The tests are tested: each mistake that base/fault_point.h lists is made, and must be found.

A scenario provokes what the law behind it is about. With the mistake in the named services, the oracle or a service itself
says so by name; without it, everything lands and nobody complains.
"""

import json
import re
from dataclasses import dataclass

import grpc
import psycopg
import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource

from support import faults_build
from support.admin import Admin
from support.oracle import Expected, Oracle
from support.process import wait_until
from support.telemetry import clean_value

PORTION = 100  # records
CLEAN = Expected("clean")


@pytest.fixture
def programs():
    return faults_build.programs()


@pytest.fixture
def stage_flags():
    # Of two batches in flight the broker may take one and refuse the other only when each has a request of its own.
    return ["--kafka-property", "session.timeout.ms=1000", "--kafka-property", "batch.num.messages=1"]


class World:
    """One pipeline with one partition, the truth about it, and what its services say."""

    def __init__(self, pipeline, chain, kafka, landing, stack, database_url, sluicectl):
        self.pipeline, self.chain, self.kafka, self.landing = pipeline, chain, kafka, landing
        self.sluicectl = sluicectl
        self._stack, self._database_url = stack, database_url
        self.truth = {}
        self.refused = ()  # offsets whose row PostgreSQL refuses

    def start(self):
        self.pipeline.create(1)
        self.chain.start()

    def of(self, name):
        return self.chain.of(name)[0]

    def produce(self, values=None, expected=CLEAN, **more):
        values = values or [clean_value(len(self.truth) + number) for number in range(PORTION)]
        offsets = self.kafka.produce(self.pipeline.source_topic, [(0, b"car", value, more) for value in values])
        self.truth.update({(0, offset): expected for offset in offsets})

    def produce_and_land(self):
        self.produce()
        self.settle()

    def ask(self, service, method, **fields):
        with Admin(self.of(service).admin_address) as admin:
            return admin.call(method, **fields)

    def end(self, stage):
        return self.kafka.offsets(self.pipeline.internal_topic(stage))[0][1]

    def database(self, statement):
        with psycopg.connect(self._database_url, autocommit=True) as connection:
            connection.execute(statement)

    def complaints(self):
        """What the services say: partitions with a gap, and every line of theirs about one that stopped."""
        found = []
        for service in self.chain.services:
            for line in service.log.read_text().splitlines():
                if '"partition stopped"' in line:
                    found.append(f"{service.instance} stopped: {json.loads(line)['error']}")
            if service.daemon.frozen():
                continue
            try:
                with Admin(service.admin_address) as admin:
                    partitions = admin.call("GetStatus", seconds=3)["pipelines"][0]["partitions"]
                found += [f"{service.instance} gap" for partition in partitions if partition["state"] == "PARTITION_STATE_GAP"]
            except (grpc.RpcError, LookupError):
                pass  # stopped, or starting
        return found

    def settle(self):
        """Until all that was produced has landed, or somebody says why not."""
        def settled():
            return self.landing.landed() >= len(self.truth) or self.complaints()

        wait_until(settled, 40, lambda: f"{len(self.truth)} records land: {self.landing.positions()}", 0.05)

    def differences(self):
        """What the oracle finds; by then PostgreSQL has refused what the scenario made it refuse."""
        return Oracle(self._stack.bootstrap_servers, self._database_url, self.pipeline, self.truth,
                      rejects=lambda verdict, partition, offset: offset in self.refused).differences()


@pytest.fixture
def world(pipeline, chain, kafka, landing, stack, database_url, sluicectl):
    return World(pipeline, chain, kafka, landing, stack, database_url, sluicectl)


# What provokes the mistakes.

def plain(world):
    world.start()
    for _ in range(3):
        world.produce_and_land()


def overlap(world):
    """The validator emits again from before its end, together with records that are new: one batch."""
    world.start()
    world.produce_and_land()
    world.ask("ingest-validator", "Pause")
    world.produce()
    world.ask("ingest-validator", "Seek", partition=0, offset=PORTION - 10)
    world.ask("ingest-validator", "Resume")


def group_ahead(world):
    """Somebody sets the group's offset ahead of what was emitted."""
    world.start()
    world.produce_and_land()
    validator = world.of("ingest-validator")
    validator.stop()
    world.produce()
    group = f"sluice.{world.pipeline.name}.1.validated"
    ahead = ConsumerGroupTopicPartitions(group, [TopicPartition(world.pipeline.source_topic, 0, PORTION + 50)])
    world.kafka.admin.alter_consumer_group_offsets([ahead])[group].result(20)
    validator.start()


def refused_batch(world):
    """The broker takes the small second batch and not the large first one, until its limit is raised."""
    def limit(size):
        resource = ConfigResource(ConfigResource.Type.TOPIC, world.pipeline.internal_topic("validated"), incremental_configs=[
            ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)])
        for future in world.kafka.admin.incremental_alter_configs([resource]).values():
            future.result(20)

    world.pipeline.edit(r"\Z", f"batch: {{rows: {PORTION}}}\n")
    world.start()
    world.produce_and_land()
    validator = world.of("ingest-validator")
    validator.stop()
    limit(60_000)
    world.produce([b"x" * 2000] * PORTION, Expected("corrupt", "invalid_json"))
    world.produce()
    validator.start(ready_within=None)
    wait_until(world.complaints, 40, "the large batch is missed")
    limit(16 << 20)
    if world.complaints() == [line for line in world.complaints() if "too large" in line]:
        world.ask("ingest-validator", "Resume")
        wait_until(lambda: world.landing.landed() >= len(world.truth), 40, "the large batch lands")


def crash_at(point):
    """The writer dies between two transactions that should be one."""
    def scenario(world):
        mistake = world.chain.environment.pop("storage-writer", {})
        world.start()
        world.produce_and_land()
        writer = world.of("storage-writer")
        writer.stop()
        writer.environment = {**mistake, "SLUICE_CRASH_AT": point}
        world.produce()
        writer.start(ready_within=None)
        writer.daemon.wait(30)
        writer.environment = {}
        writer.start()
    return scenario


def refused_row(world):
    world.start()
    world.produce_and_land()
    world.refused = (150,)
    world.database("ALTER TABLE device_data ADD CHECK (kafka_offset <> 150) NOT VALID")
    world.produce()


def earlier_clock(world):
    """Kafka's timestamp of the records is a day before their event."""
    world.start()
    world.produce(timestamp=1_710_000_000_000, expected=Expected("clean", None, ("clock_not_ahead",)))


def gap_in(stage, reader):
    """Batches vanish from the log before they are read. An operator closes the gap."""
    def scenario(world):
        world.start()
        world.produce_and_land()
        service = world.of(reader)
        service.stop()
        for _ in range(2):
            before = world.end(stage)
            world.produce()
            wait_until(lambda: world.end(stage) > before, 20, f"a batch in {stage}")
            last = before
        topic = world.pipeline.internal_topic(stage)
        for future in world.kafka.admin.delete_records([TopicPartition(topic, 0, last)]).values():
            future.result(20)
        service.start(ready_within=None)
        wait_until(world.complaints, 30, "the gap is seen")
        if world.complaints() == [f"{service.instance} gap"]:
            world.ask("ingest-validator" if stage == "validated" else "qc", "Repair", partition=0, **{"from": PORTION})
            wait_until(lambda: not world.complaints(), 30, "the gap is closed")
    return scenario


def recreated(world):
    """The source is another log now, longer than the old one."""
    world.start()
    world.produce_and_land()
    validator = world.of("ingest-validator")
    validator.stop()
    world.kafka.delete_topics(world.pipeline.source_topic)
    wait_until(lambda: not world.kafka.partitions(world.pipeline.source_topic), 20, "the topic is gone")
    world.pipeline.create(1)
    world.truth = {}
    world.produce([clean_value(1000 + number) for number in range(2 * PORTION)])
    validator.start(ready_within=None)


def two_owners(key=True):
    """A writer freezes before it moves its position, and wakes up when a successor has committed the same batches.

    Also without the ledger's primary key, which notices on its own that a range is accounted for twice.
    """
    def scenario(world):
        if not key:
            world.database("ALTER TABLE sluice.ledger DROP CONSTRAINT ledger_pkey")
        mistake = world.chain.environment.pop("storage-writer", {})
        world.start()
        world.produce_and_land()
        sleeper = world.of("storage-writer")
        sleeper.stop()
        sleeper.environment = {**mistake, "SLUICE_FREEZE_AT": "writer.before_position"}
        sleeper.start()
        world.produce()
        wait_until(sleeper.daemon.frozen, 20, "the writer stands still")
        world.chain.add("storage-writer", ready_within=None)
        world.settle()
        commits = "SELECT count(*) FROM sluice.ledger WHERE pipeline = %s"
        before = world.landing.query(commits, [world.pipeline.name])
        sleeper.thaw()
        wait_until(lambda: "another owner has taken over" in sleeper.log.read_text() or world.complaints()
                   or world.landing.query(commits, [world.pipeline.name]) > before, 60, "the sleeper commits, or is told")
    return scenario


@dataclass
class Case:
    mistake: str
    services: tuple      # who makes it
    scenario: object
    found: str           # what the oracle or a service says of it
    verify: bool = True  # whether `sluicectl verify` says so as well


LOST_IN_A_TRANSACTION = crash_at("writer.committed")
DOUBLED_BY_A_TRANSACTION = crash_at("writer.before_position")
GAP_BEFORE_QC = gap_in("validated", "qc")
GAP_BEFORE_THE_WRITER = gap_in("checked", "storage-writer")
TWO_OWNERS = two_owners()
TWO_OWNERS_WITHOUT_KEY = two_owners(key=False)

CASES = [
    Case("commit_before_rows", ("storage-writer",), LOST_IN_A_TRANSACTION, r"^verdict: .* in no table"),
    Case("rows_before_commit", ("storage-writer",), DOUBLED_BY_A_TRANSACTION, r"^two outcomes"),
    Case("counts_from_elsewhere", ("ingest-validator",), plain, r"^counts in the header"),
    Case("dead_letter_forgotten", ("storage-writer",), refused_row, r"^verdict: .*150.* in no table"),
    Case("failed_batch_dropped", ("ingest-validator",), refused_batch, r"^missing in validated"),
    Case("two_in_flight", ("ingest-validator",), refused_batch, r"^missing in validated"),
    Case("gap_stepped_over", ("qc",), GAP_BEFORE_QC, r"qc.* stopped: .*a batch out of turn"),
    Case("gap_stepped_over", ("storage-writer",), GAP_BEFORE_THE_WRITER,
         r"storage-writer.* stopped: .*a batch does not begin where the sink is"),
    Case("ledger_row_forgotten", ("storage-writer",), plain, r"^position: .*ledger 100"),
    Case("no_compare_and_set", ("storage-writer",), TWO_OWNERS, r"stopped: .*ledger_pkey", verify=False),
    Case("no_compare_and_set", ("storage-writer",), TWO_OWNERS_WITHOUT_KEY, r"^two outcomes"),
    Case("no_trim", ("qc", "storage-writer"), overlap, r"storage-writer.* stopped: .*a batch does not begin where the sink is"),
    Case("position_from_group", ("ingest-validator",), group_ahead, r"^missing in validated"),
    Case("topic_id_ignored", ("ingest-validator",), recreated, r"^value"),
    Case("verdict_by_clock", ("ingest-validator",), earlier_clock, r"^rules: .*clock_not_ahead", verify=False),
]
# What is said without the mistake, where that is not nothing. Batches that the test has deleted are missing.
RIGHTLY_SAID = {GAP_BEFORE_QC: r"missing in validated", GAP_BEFORE_THE_WRITER: r"missing in checked",
                refused_batch: r"ingest-validator.*: the broker refuses a batch as too large",
                recreated: r"ingest-validator.*: the source topic was recreated"}


def play(world, case, mistaken):
    """What the oracle and the services say at the end of a scenario, and the exit code of `sluicectl verify`."""
    world.chain.environment = {name: {"SLUICE_MISTAKE": case.mistake} for name in case.services if mistaken}
    case.scenario(world)
    world.settle()
    said = [*world.complaints(), *world.differences()]
    verified = world.sluicectl("verify", "--pipeline", world.pipeline, expect=None)
    print("\n".join([*said, verified.stdout, verified.stderr]))
    return said, verified.returncode


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.mistake}-{CASES.index(case)}")
def test_a_mistake_is_found(case, world):
    said, code = play(world, case, mistaken=True)
    assert any(re.search(case.found, line) for line in said), f"not found: {case.found}\n" + "\n".join(said)
    assert code == (1 if case.verify else 0)


@pytest.mark.parametrize("case", {case.scenario: case for case in CASES}.values(),
                         ids=lambda case: f"{case.mistake}-{CASES.index(case)}")
def test_the_same_without_it(case, world):
    said, code = play(world, case, mistaken=False)
    rightly = [line for line in said if re.match(RIGHTLY_SAID.get(case.scenario, "$"), line)]
    assert bool(rightly) == (case.scenario in RIGHTLY_SAID)
    if case.scenario is recreated:
        assert world.landing.landed() == PORTION and code == 1, "nothing of the other log may land"
    else:
        assert said == rightly and code == 0


def test_every_mistake_has_a_case():
    assert {case.mistake for case in CASES} == set(faults_build.MISTAKES)
