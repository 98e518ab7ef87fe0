"""The telemetry job: a backlog that is generated once, and runs of the whole chain over it."""

import pathlib
import shutil
import subprocess
import time
import uuid

import psycopg
from confluent_kafka import KafkaException

from bench.cpu import Meter, children, peak_resident_bytes
from support import services
from support.kafka import Kafka
from support.pipeline import copy_pipeline
from support.process import wait_until
from support.services import Chain, Service
from support.stack import Stack

PARTITIONS = 4
SEED = 5


class Bench:
    """The stack, and what has been made in it."""

    def __init__(self, directory, batch_age=None):
        """`batch_age` replaces the pipelines' own (a duration such as "50ms")."""
        self.dir = pathlib.Path(directory).resolve()
        self._batch_age = batch_age
        self.stack = Stack(self.dir)

    def up(self):
        self.stack.up()
        self.kafka = Kafka(self.stack.bootstrap_servers)
        wait_until(self._answers, 30, "Kafka leads all partitions of the backlogs again")

    def _answers(self):
        try:
            for topic in self.kafka.admin.list_topics(timeout=10).topics:
                self.kafka.offsets(topic)
            return True
        except KafkaException:
            return False

    def down(self, wipe):
        self.stack.down(wipe)

    def backlog(self, records):
        """Name of a topic with so many records of the telemetry job; made where it is not there yet."""
        topic = f"bench-{records}"
        if sum(end for _, end in self.kafka.offsets(topic).values()) == records:
            return topic
        self.kafka.delete_topics(topic)
        wait_until(lambda: not self.kafka.partitions(topic), 30, f"{topic} is gone")
        self.kafka.create_topic(topic, PARTITIONS)
        work = self.dir / topic
        shutil.rmtree(work, ignore_errors=True)
        simulator = Service("producer-simulator", self._pipeline(topic, work), self.stack, work, "producer-simulator", [
            "--records", records, "--seed", SEED, "--exit-when-done", "--data-dir", work / "data"])
        simulator.start(ready_within=None)
        simulator.daemon.wait(records / 10_000 + 60, lambda: f"the backlog is there\n{simulator.log_tail()}")
        if simulator.daemon.returncode != 0:
            raise RuntimeError(f"the simulator failed:\n{simulator.log_tail()}")
        shutil.rmtree(work)
        return topic

    def read_some(self, topic):
        """The records of a topic; without those that are nothing at all (tombstones)."""
        return [record for record in self.kafka.read(topic) if record.value is not None]

    def _pipeline(self, topic, directory):
        """A pipeline that has never run, on `topic`."""
        pipeline = copy_pipeline("telemetry", directory)
        pipeline.edit(r"(\btopic:\s*)[\w.-]+", rf"\g<1>{topic}")
        if self._batch_age:
            pipeline.edit(r"\Z", f"batch: {{age: {self._batch_age}}}\n")
        pipeline.source_topic = topic
        return pipeline

    def job(self, topic, flags=()):
        return Job(self, topic, flags)


class Job:
    """One run: a new pipeline with its own internal topics and database. A context manager, which removes them."""

    def __init__(self, bench, topic, flags):
        self.bench = bench
        self.topic = topic
        self._flags = flags

    def __enter__(self):
        stack = self.bench.stack
        self.dir = self.bench.dir / "runs" / uuid.uuid4().hex[:8]
        self.pipeline = self.bench._pipeline(self.topic, self.dir)
        self._database = self.pipeline.name
        stack.postgres.create_database(self._database)
        self.database_url = stack.postgres.url(self._database)
        self.sluicectl("migrate")
        self.chain = Chain(self.pipeline, stack, self.dir, self.database_url, self._flags)
        self.database = psycopg.connect(self.database_url, autocommit=True, application_name="bench")
        return self

    def __exit__(self, *_):
        self.chain.stop()
        self.database.close()
        self.bench.stack.postgres.drop_database(self._database)
        self.bench.kafka.delete_topics(*map(self.pipeline.internal_topic, ("validated", "checked")))
        shutil.rmtree(self.dir, ignore_errors=True)

    def sluicectl(self, *arguments):
        command = [services.bin_dir() / "sluicectl", *map(str, arguments), "--database-url", self.database_url]
        if arguments[0] != "migrate":
            command += ["--bootstrap-servers", self.bench.stack.bootstrap_servers]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"sluicectl {arguments[0]}:\n{done.stdout}{done.stderr}")

    def start(self, *names):
        """Starts services, all at once, without waiting for any of them."""
        for name in names or Chain.STAGES:
            self.chain.add(name, ready_within=None)

    def service(self, name):
        return self.chain.of(name)[0]

    def wait_ready(self, seconds):
        for service in self.chain.services:
            service.wait_ready(seconds)

    def positions(self):
        """(partition, next offset) of what has been committed."""
        return self.database.execute("SELECT partition, next_offset FROM sluice.coverage WHERE next_offset IS NOT NULL",
                                     prepare=True).fetchall()

    def landed(self):
        return sum(next_offset for _, next_offset in self.positions())

    def wait_landed(self, records, seconds):
        """Until so many records have landed; the time then."""
        deadline = time.monotonic() + seconds
        while self.landed() < records:
            for service in self.chain.services:
                if not service.daemon.alive():
                    raise RuntimeError(f"{service.instance} ended:\n{service.log_tail()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.landed()} of {records} records have landed after {seconds:.0f} s\n"
                                   + "\n".join(service.log_tail(5) for service in self.chain.services))
            time.sleep(0.01)
        return time.monotonic()

    def meter(self):
        """What each service uses, PostgreSQL's session of the writer, the rest of PostgreSQL, and Kafka."""
        postmaster, broker = self.bench.stack.postgres.daemon.pid, self.bench.stack.kafka.daemon.pid
        groups = {name: lambda name=name: [service.pid for service in self.chain.of(name)] for name in Chain.STAGES}
        groups["postgres session"] = self._sessions
        groups["postgres others"] = lambda: [postmaster, *(set(children(postmaster)) - set(self._sessions()))]
        groups["kafka"] = lambda: [broker]
        return Meter(groups)

    def _sessions(self):
        return [pid for pid, in self.database.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'sluice-storage-writer%'").fetchall()]

    def memory(self):
        return {service.name: peak_resident_bytes(service.pid) for service in self.chain.services}

    def verify(self):
        self.sluicectl("verify", "--pipeline", self.pipeline)
