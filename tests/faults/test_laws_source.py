"""What may happen to the source topic: another log under its name, retention, transactions and compaction."""

import threading

from support.oracle import Expected, load_truth
from support.process import wait_until
from support.telemetry import clean_value

TABLES = ("device_data", "qc_failed_table", "corrupt_records", "sluice.ledger", "sluice.cell_failures", "sluice.dead_letters")


def contents(landing):
    """A short form of everything that has landed: the same again only if not one row has changed."""
    return [landing.query(f"SELECT count(*), sum(hashtextextended(t::text, 0)) FROM {table} t") for table in TABLES]


def wait_for_refusal(service, partitions, *words):
    """By name: the metric, the readiness and the log say it."""
    service.wait_metric("sluice_stopped_partitions", partitions)

    def said():
        answer = service.http("/readyz")[1]
        return all(word in answer for word in words)

    wait_until(said, 5, lambda: f"{words} in {service.http('/readyz')}\n{service.log_tail()}")
    assert all(word in service.log.read_text() for word in words)


def test_recreated_and_longer(chain, load, pipeline, kafka, simulator, landing, finish, judge, sluicectl):
    """Every old position exists in the new log, and means another record. A new generation is the way on."""
    landing.wait_for(10_000)
    finish()
    before, ends = contents(landing), kafka.offsets(pipeline.source_topic)
    kafka.delete_topics(pipeline.source_topic)
    wait_until(lambda: not kafka.partitions(pipeline.source_topic), 30, "the topic is gone")
    pipeline.create(3)
    longer = simulator(2 * sum(end for _, end in ends.values()), seed=7, name="simulator-2")
    longer.finish()
    assert all(kafka.offsets(pipeline.source_topic)[partition][1] > end for partition, (_, end) in ends.items())
    validator = chain.of("ingest-validator")[0]
    validator.kill()  # while it runs, its client may not notice before it reads a record
    validator.start(ready_within=None)
    wait_for_refusal(validator, 3, "recreated", "Start a new generation")
    assert contents(landing) == before, "nothing of the other log has landed"

    for service in list(chain.services):
        chain.remove(service)
    pipeline.edit("^version: 1", "version: 1\ngeneration: 2")
    tables = {"clean": "device_data_2", "failed": "qc_failed_table_2", "corrupt": "corrupt_records_2"}
    for table in ("device_data", "qc_failed_table", "corrupt_records", "qc_audit_log_table"):
        pipeline.edit(rf"\b{table}$", f"{table}_2")
    chain.start()
    landing.wait_all()
    judge(longer.truth, tables=tables)
    assert contents(landing)[:3] == before[:3]


def test_recreated_while_it_is_read(chain, load, pipeline, kafka, simulator, landing, finish):
    """The same without a restart: not one record of the other log gets a verdict."""
    landing.wait_for(10_000)
    finish()
    before, ends = contents(landing), kafka.offsets(pipeline.source_topic)
    kafka.delete_topics(pipeline.source_topic)
    wait_until(lambda: not kafka.partitions(pipeline.source_topic), 30, "the topic is gone")
    pipeline.create(3)
    simulator(2 * sum(end for _, end in ends.values()), seed=7, name="simulator-2").finish()
    wait_for_refusal(chain.of("ingest-validator")[0], 3, "recreated")
    assert contents(landing) == before, "nothing of the other log has landed"


def test_retention_overtakes_a_stopped_validator(chain, load, pipeline, kafka, landing, judge, sluicectl):
    """Refused by name, until an operator writes the missing records off; the account of them is exact."""
    landing.wait_for(10_000)
    validator = chain.of("ingest-validator")[0]
    assert validator.stop() == 0
    positions = landing.wait_emitted()
    wait_until(lambda: all(end > positions[partition] + 2000 for partition, (_, end) in
                           kafka.offsets(pipeline.source_topic).items()), 60, "more records")
    read = [record for record in kafka.read(pipeline.source_topic) if record.offset < positions[record.partition]]
    # A different piece of each partition; of the last one nothing that was not read yet.
    begins = {partition: positions[partition] + (1500, 1, 0)[partition] for partition in positions}
    kafka.delete_before(pipeline.source_topic, begins)
    validator.start(ready_within=None)
    wait_for_refusal(validator, 2, "retention has overtaken the position", "accept-loss")
    wait_until(lambda: landing.positions()[2] > positions[2], 30, "the partition that lost nothing goes on")
    assert {partition: landing.positions()[partition] for partition in (0, 1)} == {0: positions[0], 1: positions[1]}

    for partition in (0, 1):
        sluicectl("--endpoint", validator.admin_address, "accept-loss", "--pipeline", pipeline, "--partition", partition, "--yes")
    load.finish_now()
    landing.wait_all()
    truth = load_truth(load.truth)
    for partition, begin in begins.items():
        truth.update({(partition, offset): Expected("lost") for offset in range(positions[partition], begin)})
    judge(truth, earlier=read)


class Transactions:
    """Producers of transactions beside the load, some of which they abort. `truth` knows the records that count."""

    def __init__(self, kafka, topic, chance):
        self._kafka, self._topic, self._chance = kafka, topic, chance
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.truth, self.aborted, self.problem = {}, 0, None
        self._thread.start()

    def _run(self):
        try:
            producer = self._kafka.producer(**{"transactional.id": self._topic})
            producer.init_transactions(20)
            while not self._ending.is_set():
                self.once(producer, self._chance.random() < 0.5)
            for _ in range(3):  # the logs end with control records
                self.once(producer, True)
        except Exception as problem:
            self.problem = problem

    def once(self, producer, abort):
        offsets = []
        producer.begin_transaction()
        for partition in range(3):
            for number in range(self._chance.randrange(1, 40)):
                producer.produce(self._topic, clean_value(number), f"key {number}".encode(), partition,
                                 on_delivery=lambda error, message: offsets.append((message.partition(), message.offset())))
        producer.flush(20)
        if abort:
            producer.abort_transaction(20)
            self.aborted += len(offsets)
        else:
            producer.commit_transaction(20)
            self.truth.update((where, Expected("clean")) for where in offsets)

    def finish(self):
        self._ending.set()
        self._thread.join(60)
        if self.problem:
            raise self.problem


COMPACTED = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01"}


def test_aborted_transactions_and_compaction(chance, pipeline, chain, simulator, kafka, landing, judge, sluicectl, calm):
    """Offsets have holes, some of which nobody has read before they were there, and the logs end with control records."""
    pipeline.create(3, **{"segment.bytes": str(1 << 20)})
    chain.start()
    load = simulator(None, seed=5, rate=4000)
    transactions = Transactions(kafka, pipeline.source_topic, chance)
    landing.wait_for(20_000)
    validator = chain.of("ingest-validator")[0]
    validator.kill()
    read = landing.wait_emitted()
    wait_until(lambda: sum(end for _, end in kafka.offsets(pipeline.source_topic).values()) > 2 * sum(read.values()) + 30_000,
               60, "as many unread records", 0.2)
    load.finish_now()
    transactions.finish()
    before = list(kafka.read(pipeline.source_topic))
    kafka.configure_topic(pipeline.source_topic, **COMPACTED)

    def compacted():
        """Before the position and behind it."""
        left = [record.offset < read[record.partition] for record in kafka.read(pipeline.source_topic)]
        was = [record.offset < read[record.partition] for record in before]
        return left.count(True) < was.count(True) and left.count(False) < was.count(False)

    wait_until(compacted, 120, "the log is compacted", 2)
    kafka.configure_topic(pipeline.source_topic, **COMPACTED, **{"min.compaction.lag.ms": str(1 << 60)})
    left = {(record.partition, record.offset) for record in kafka.read(pipeline.source_topic)}
    validator.start()
    more = simulator(5000, seed=6, name="simulator-2")
    more.finish()
    control = Transactions(kafka, pipeline.source_topic, chance)
    control.finish()

    truth = {**load_truth(load.truth), **load_truth(more.truth), **transactions.truth, **control.truth}
    for record in before:
        where = record.partition, record.offset
        if record.offset >= read[record.partition] and where not in left:
            del truth[where]  # nobody could ever read it
    last = {partition: max(offset for of, offset in truth if of == partition) + 1 for partition in range(3)}
    ends = {partition: end for partition, (_, end) in kafka.offsets(pipeline.source_topic).items()}
    assert all(last[partition] < ends[partition] for partition in ends), "each log ends with control records"
    landing.wait_all(ends=last)
    judge(truth, earlier=[record for record in before if record.offset < read[record.partition]])
    sluicectl("verify", "--pipeline", pipeline)
    assert transactions.aborted > 100
