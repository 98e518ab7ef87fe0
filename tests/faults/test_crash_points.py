"""kill -9 at every named point of every service (libs/base/fault_point.h), under load.

A service that has died is started again with its next point, so that it may die while it still recovers from the last time.
"""

import base64
import signal

import grpc
import psycopg
import pytest

from support import faults_build
from support.admin import Admin
from support.process import wait_until
from support.services import Chain, bin_dir
from support.telemetry import clean_value

OFTEN = 10
# Passed only by a service that is told to stop.
AT_THE_END = ("stage.stopping", "stage.settled", "stage.left", "simulator.stopping")
# Passed only by a simulator that is asked to publish.
PUBLISHING = "simulator.spooled"
REFUSED = 4999  # of so many offsets in a row PostgreSQL refuses one: most commits must go through at once


@pytest.fixture
def programs():
    return faults_build.programs()


@pytest.fixture
def stage_flags():
    """The group notices a death within a second: most of a round is waiting for that."""
    return ["--kafka-property", "session.timeout.ms=1000"]


def points_of(name):
    return [point for point in faults_build.POINTS if faults_build.passes(name, point) and point != PUBLISHING]


class Victim:
    """One service on its way through its points."""

    def __init__(self, service, points, chance):
        self._service = service
        self._points = list(points)
        self._chance = chance
        self._told = False
        service.kill()

    def next(self):
        """Starts it anew with the next point; without one when there is none left."""
        point = self._points.pop(0) if self._points else None
        nth = self._chance.randint(1, 1 if point in AT_THE_END else faults_build.ARRIVALS.get(point, OFTEN))
        self._service.environment = {"SLUICE_CRASH_AT": f"{point}:{nth}"} if point else {}
        self.where = f"{self._service.instance} at {point}:{nth}"
        self._point, self._told = point, False
        print(self.where)
        self._service.start(ready_within=None)
        return point is not None

    def struck(self):
        """Whether it has died of its point."""
        if self._service.daemon.alive():
            if self._point in AT_THE_END and not self._told and self._service.ready():
                self._service.daemon.send(signal.SIGTERM)
                self._told = True
            return False
        code = self._service.daemon.returncode
        assert code == -signal.SIGKILL, f"{self.where} ended with {code}:\n{self._service.log_tail()}"
        return True


def in_turn(victims, rounds, meanwhile=lambda: None, seconds=120):
    """Each one through all its points, all of them at the same time."""
    rounds.strikes = 0

    def some_struck():
        meanwhile()
        return [victim for victim in active if victim.struck()]

    active = [victim for victim in victims if victim.next()]
    while active:
        struck = wait_until(some_struck, seconds, lambda: f"a point is reached: {[victim.where for victim in active]}")
        rounds.strikes += len(struck)
        active = [victim for victim in active if victim not in struck or victim.next()]


def in_some_order(names, rounds, chance):
    """All of them in each round; in the short form there is one."""
    points = []
    for _ in rounds.one_of(1):
        points += chance.sample(names, len(names))
    return points


@pytest.fixture
def refusal(load, database_url, landing):
    """From soon on PostgreSQL refuses a clean row now and then; which ones, for the oracle."""
    begin = max(landing.positions().values()) + 2000
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute("ALTER TABLE device_data ADD CHECK "
                         f"(kafka_offset < {begin} OR kafka_offset % {REFUSED} <> 7) NOT VALID")
    return {"rejects": lambda verdict, partition, offset: verdict == "clean" and offset >= begin and offset % REFUSED == 7}


@pytest.mark.parametrize("name", Chain.STAGES)
def test_crash_a_stage(name, rounds, chance, chain, load, finish, request):
    if not rounds.long:
        pytest.skip("the short form strikes all services at once, below")
    refusal = request.getfixturevalue("refusal") if name == "storage-writer" else {}
    in_turn([Victim(chain.of(name)[0], in_some_order(points_of(name), rounds, chance), chance)], rounds)
    finish(**refusal)


def test_crash_the_simulator(rounds, chance, load, finish):
    if not rounds.long:
        pytest.skip("the short form strikes all services at once, below")
    in_turn([Victim(load, in_some_order(points_of("producer-simulator"), rounds, chance), chance)], rounds)
    finish()


class Publisher:
    """A client of the simulator that asks again, with the same ids, when it gets no answer."""

    def __init__(self, entrance):
        self._entrance = entrance
        self._batch = 0
        self.accepted = []

    def __call__(self):
        records = [{"key": base64.b64encode(b"car").decode(), "id": f"mine-{self._batch}-{number}",
                    "value": base64.b64encode(clean_value(self._batch * 20 + number)).decode()} for number in range(20)]
        try:
            with Admin(self._entrance.admin_address) as admin:
                answer = admin.call("Publish", "sluice.admin.v1.SimulatorService", seconds=3, records=records)
        except (grpc.RpcError, LookupError):
            return  # it is dead, or not up yet
        self.accepted += answer["ids"]
        self._batch += 1


def test_crash_while_publishing(rounds, chance, pipeline, chain, simulator, landing, judge):
    """What was accepted arrives, once."""
    pipeline.create(2)
    chain.start()
    entrance = simulator(None, "--stopped")
    publish = Publisher(entrance)
    points = [PUBLISHING, *(point for point in points_of("producer-simulator") if point not in AT_THE_END)]
    in_turn([Victim(entrance, in_some_order(points, rounds, chance), chance)], rounds, publish)
    entrance.wait_ready()
    publish()
    entrance.wait_metric("sluice_spool_records", 0)
    landing.wait_all()
    there = sorted(record.headers["sluice-record-id"].decode() for record in judge().source.values())
    assert there == sorted(publish.accepted)


def test_crash_everything(rounds, chance, chain, load, finish, refusal):
    """Every service at each of its points, and all of them at the same time."""
    in_turn([Victim(service, in_some_order(points_of(service.name), rounds, chance), chance)
             for service in [*chain.services, load]], rounds)
    finish(**refusal)


def test_a_normal_build_has_none():
    for name in ("producer-simulator", *Chain.STAGES):
        assert b"SLUICE_CRASH_AT" in (faults_build.programs() / f"sluice-{name}").read_bytes()
        assert b"SLUICE_CRASH_AT" not in (bin_dir() / f"sluice-{name}").read_bytes()
