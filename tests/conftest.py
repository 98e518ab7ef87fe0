"""Fixtures for tests against a real Kafka and PostgreSQL. One stack a run; a pipeline, topic and database a test.

SLUICE_TEST_STACK=DIR uses (and leaves up) the stack in DIR, which saves its start while one works on a test.
"""

import json
import os
import pathlib
import subprocess
import uuid

import grpc
import pytest

from support import services
from support.admin import Admin
from support.kafka import Kafka
from support.landing import Landing
from support.oracle import Oracle, load_truth
from support.pipeline import copy_pipeline
from support.process import wait_until
from support.services import Chain, Service
from support.stack import Stack


@pytest.fixture(autouse=True)
def sanitizer_reports():
    """With scripts/test --sanitize: whatever the programs of this test reported until their end fails it."""
    yield
    folder = os.environ.get("SLUICE_SANITIZER_REPORTS")
    reports = sorted(pathlib.Path(folder).iterdir()) if folder else []
    texts = [report.read_text(errors="replace") for report in reports]
    for report in reports:
        report.unlink()
    assert not texts, "\n".join(texts)


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    kept = os.environ.get("SLUICE_TEST_STACK")
    if kept and (worker := os.environ.get("PYTEST_XDIST_WORKER")):
        kept = f"{kept}-{worker}"
    stack = Stack(kept or tmp_path_factory.mktemp("stack"))
    stack.up()
    yield stack
    if not kept:
        stack.down(wipe=True)


@pytest.fixture(scope="session")
def kafka(stack):
    return Kafka(stack.bootstrap_servers)


class Sluicectl:
    """The command line, with the addresses of this test."""

    def __init__(self, stack, database_url):
        self._environment = {**os.environ, "SLUICE_BOOTSTRAP_SERVERS": stack.bootstrap_servers,
                             "SLUICE_DATABASE_URL": database_url, "NO_COLOR": "1"}

    def __call__(self, *arguments, expect=0, seconds=120):
        done = subprocess.run([services.bin_dir() / "sluicectl", *map(str, arguments)], env=self._environment,
                              capture_output=True, text=True, timeout=seconds, check=False)
        if expect is not None:
            assert done.returncode == expect, f"sluicectl {arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done


@pytest.fixture
def database_url(stack):
    name = f"test_{uuid.uuid4().hex[:12]}"
    stack.postgres.create_database(name)
    yield stack.postgres.url(name)
    stack.postgres.drop_database(name)


@pytest.fixture
def sluicectl(stack, database_url):
    command = Sluicectl(stack, database_url)
    command("migrate")
    return command


@pytest.fixture
def pipeline_source():
    """Which pipeline `pipeline` is a copy of: a name or a folder. A module may have its own."""
    return "telemetry"


@pytest.fixture
def pipeline(pipeline_source, tmp_path, kafka):
    """That pipeline under a name of its own; `pipeline.create(partitions)` makes its source topic."""
    copy = copy_pipeline(pipeline_source, tmp_path)
    copy.create = lambda partitions, **config: kafka.create_topic(copy.source_topic, partitions, **config)
    yield copy
    kafka.delete_topics(copy.source_topic, copy.internal_topic("validated"), copy.internal_topic("checked"))


# A member that died is noticed after 3 s instead of 10, so that a test with many deaths does not take minutes.
SOON = ["--kafka-property", "session.timeout.ms=3000"]


@pytest.fixture
def programs():
    """The folder of the services' programs; a test module may have another one."""
    return services.bin_dir()


@pytest.fixture
def stage_flags():
    """What every stage of a chain is started with; a test module may have others."""
    return SOON


@pytest.fixture
def chain(stack, pipeline, sluicectl, database_url, tmp_path, programs, stage_flags):
    """The three stages of the pipeline; nothing runs before `chain.start()`."""
    chain = Chain(pipeline, stack, tmp_path / "services", database_url, stage_flags, programs)
    yield chain
    chain.stop()


class Simulator(Service):
    """sluice-producer-simulator with a truth file, which can be judged by."""

    def __init__(self, pipeline, stack, directory, name, flags, programs):
        super().__init__("producer-simulator", pipeline, stack, directory, name, flags, programs=programs)
        self.truth = directory / f"{name}.truth.ndjson"
        self._flags += ["--exit-when-done", "--data-dir", directory / f"{name}.data"]
        if "--input" not in flags:  # about somebody's own records nobody knows the truth
            self._flags += ["--truth", self.truth]

    def finish(self, seconds=120):
        """Waits until it has sent everything."""
        self.daemon.wait(seconds, lambda: f"the simulator is done\n{self.log_tail()}")
        assert self.daemon.returncode == 0, self.log_tail()

    def finish_now(self):
        """Ends a load without end; what it has sent is delivered, and in the truth.

        After a kill it goes through what it had sent, for the truth, before it sends anything new: that is waited for.
        """
        kafka, topic = Kafka(self._stack.bootstrap_servers), self._pipeline.source_topic

        def sent():
            return sum(end for _, end in kafka.offsets(topic).values())

        self.wait_ready()
        before = sent()
        wait_until(lambda: sent() > before, 60, lambda: f"the simulator sends something new\n{self.log_tail()}")
        code = self.stop()
        assert code == 0, f"the simulator ended with {code}:\n{self.log_tail()}"


@pytest.fixture
def simulator(stack, pipeline, tmp_path, programs):
    """`simulator(records, seed=..., rate=...)` starts it; it ends by itself, or with `records` None by finish_now()."""
    started = []

    def start(records, *flags, seed=1, rate=None, pipeline=pipeline, name="producer-simulator"):
        size = ["--records", records] if records else []
        pace = ["--rate", rate] if rate else []
        process = Simulator(pipeline, stack, tmp_path / "services", name, [*size, *pace, "--seed", seed, *flags],
                            programs)
        started.append(process)
        return process.start(ready_within=None)

    yield start
    for process in started:
        process.stop()


@pytest.fixture
def landing(kafka, pipeline, database_url):
    landing = Landing(kafka, pipeline, database_url)
    yield landing
    landing.close()


@pytest.fixture
def judge(stack, pipeline, database_url):
    """`judge(truth)`: fails with the differences the oracle finds. A truth is a file, a dict or None."""
    def judge(truth=None, **more):
        if truth is not None and not isinstance(truth, dict):
            truth = load_truth(truth)
        oracle = Oracle(stack.bootstrap_servers, database_url, pipeline, truth, **more)
        differences = oracle.differences()
        assert not differences, "\n".join(["the oracle disagrees:", *differences])
        return oracle

    return judge


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """The end of each service's log belongs to a failure."""
    report = (yield).get_result()
    running = getattr(item, "funcargs", {})
    if report.failed and call.when == "call":
        owners = [*getattr(running.get("chain"), "services", []),
                  *(value for value in running.values() if isinstance(value, Service))]
        for service in owners:
            report.sections.append((f"log of {service.instance}", service.log_tail(15)))
            if service.name != "producer-simulator" and service.daemon.alive():
                report.sections.append((f"status of {service.instance}", _status(service)))


def _status(service):
    try:
        with Admin(service.admin_address) as admin:
            return json.dumps(admin.call("GetStatus", seconds=3)["pipelines"])
    except (grpc.RpcError, LookupError) as problem:
        return f"no answer: {problem}"
