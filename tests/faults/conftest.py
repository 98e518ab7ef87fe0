"""What the tests under faults share: how long, by which chance, and a load that goes on until it is told to end."""

import os
import random
import time

import pytest

from support.watch import Watch

SHORT = 2  # rounds of each case in scripts/test; scripts/test-faults asks for more


def pytest_collection_modifyitems(items):
    """All of them run under load for a while."""
    for item in items:
        if item.path.is_relative_to(os.path.dirname(__file__)):
            item.add_marker(pytest.mark.slow)


class Rounds:
    """`for number in rounds:` strikes as often as asked for, or until the time given to the whole run is over."""

    def __init__(self, count, deadline):
        self._count = count
        self._deadline = deadline
        self.long = count > SHORT
        self.strikes = 0  # for the table at the end; a case that strikes otherwise than once a round counts itself

    def __iter__(self):
        for number in self._numbers():
            self.strikes += 1
            yield number

    def one_of(self, many):
        """For what takes long: one round of so many; in the short form one in all."""
        for number in self._numbers() if self.long else [0]:
            if number % many == 0:
                self.strikes += 1
                yield number

    def _numbers(self):
        for number in range(self._count):
            if number >= SHORT and time.monotonic() > self._deadline:
                print(f"the time is over after {number} of {self._count} rounds")
                return
            yield number


_results = {}  # case -> [runs, failures, strikes, seconds]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if not item.path.is_relative_to(os.path.dirname(__file__)) or report.skipped or (report.when != "call" and report.passed):
        return
    result = _results.setdefault(item.nodeid.rpartition("/")[2], [0, 0, 0, 0.0])
    if report.when == "call":
        rounds = item.funcargs.get("rounds")
        result[0] += 1
        result[2] += rounds.strikes if rounds else 1
        result[3] += report.duration
    result[1] += report.failed


def pytest_terminal_summary(terminalreporter):
    """What was struck how often: the numbers of a campaign."""
    if not _results:
        return
    terminalreporter.section("strikes")
    terminalreporter.write_line(f"{'case':<86} {'runs':>5} {'failures':>9} {'strikes':>8} {'seconds':>8}")
    rows = [*_results.items(), ("in all", [sum(column) for column in zip(*_results.values())])]
    for case, (runs, failures, strikes, seconds) in rows:
        terminalreporter.write_line(f"{case:<86} {runs:>5} {failures:>9} {strikes:>8} {seconds:>8.0f}")


@pytest.fixture(scope="session")
def _run_deadline():
    minutes = os.environ.get("SLUICE_FAULT_MINUTES")
    return time.monotonic() + float(minutes) * 60 if minutes else float("inf")


@pytest.fixture
def rounds(_run_deadline):
    return Rounds(int(os.environ.get("SLUICE_FAULT_ROUNDS", SHORT)), _run_deadline)


@pytest.fixture
def chance(request):
    """Random, and the same again with SLUICE_TEST_SEED (a failed test prints it)."""
    seed = os.environ.get("SLUICE_TEST_SEED") or str(random.randrange(1 << 32))
    print(f"SLUICE_TEST_SEED={seed}")
    return random.Random(f"{seed} {request.node.name}")


RATE = 3000  # records/s


# Bytes of memory a service may take, whatever happens: 50 MiB as it stands, 4 of fetched batches and up to one answer
# more for each partition, 32 of the open transaction.
CAP = 160 << 20


@pytest.fixture
def calm(chain):
    """Whatever a case does to what the services depend on, they live on, in their memory. Checked at its end."""
    watch = Watch(lambda: chain.services, CAP)
    yield watch
    watch.close()
    print(watch.report())
    watch.check()


@pytest.fixture
def load(pipeline, chain, simulator, landing, calm):
    """The whole chain, on 3 partitions, under a load without end, which has begun to land."""
    pipeline.create(3)
    chain.start()
    load = simulator(None, seed=5, rate=RATE)
    landing.wait_for(1000)
    return load


@pytest.fixture
def wait_for_a_moment(chance, landing):
    """Until some more has landed: a little, so that it strikes while the last blow is still felt, or a lot."""
    def wait():
        landing.wait_for(landing.landed() + chance.choice([1, chance.randrange(1, 1000), chance.randrange(1000, 8000)]))

    return wait


@pytest.fixture
def finish(load, landing, judge, pipeline, sluicectl, calm):
    """Ends the load, waits until all of it has landed, and has it judged: by the oracle and by `sluicectl verify`."""
    def finish(**more):
        if load.daemon.alive():
            load.finish_now()
        landing.wait_all()
        oracle = judge(load.truth, **more)
        sluicectl("verify", "--pipeline", pipeline, "--truth", load.truth)
        calm.check()
        return oracle

    return finish
