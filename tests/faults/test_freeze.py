"""Processes that stand still for a while (SIGSTOP), and wake up into a world that went on without them."""

import time

import pytest

from support import faults_build
from support.process import wait_until
from support.services import Chain

PARTITIONS = 3
SESSION = 3  # seconds after which the group deals out a silent member's partitions
# Lengths in seconds, and of how many rounds asked for one is played. The first two are the short form.
LENGTHS = {2: 1, SESSION + 2: 1, 15: 4, 60: 10}
TO_FREEZE_AT = [point for point in faults_build.POINTS if not point.startswith(("simulator.", "stage.stopping", "stage.settled",
                                                                                "stage.left", "writer.row_refused"))]


def owned(service):
    return service.metric("sluice_owned_partitions") if service.live() else 0


def wait_owner(service):
    wait_until(lambda: owned(service) == PARTITIONS, 60, lambda: f"{service.instance} owns all: {owned(service)}")


def stale_commits(landing, pipeline):
    """Ranges in the ledger that lie behind one of a later owner."""
    return landing.query(
        "SELECT l.partition, l.first_offset, l.epoch FROM sluice.ledger l JOIN sluice.ledger s USING (pipeline, partition) "
        "WHERE l.pipeline = %s AND l.epoch < s.epoch AND l.first_offset > s.first_offset", [pipeline.name])


@pytest.mark.parametrize("seconds", LENGTHS)
@pytest.mark.parametrize("name", Chain.STAGES)
def test_a_replica_takes_over(name, seconds, rounds, chance, chain, load, landing, pipeline, finish):
    """Frozen at some instant under load, perhaps within a transaction. The oracle checks epochs along the ledger."""
    if seconds >= 15 and not rounds.long:
        pytest.skip("a long sleep: in the long form")
    sleeper = chain.of(name)[0]
    for _ in rounds.one_of(LENGTHS[seconds]):
        wait_owner(sleeper)
        landing.wait_for(landing.landed() + chance.randrange(1, 5000))
        sleeper.freeze()
        wakes_at = time.monotonic() + seconds
        successor = chain.add(name, ready_within=None)
        if seconds > SESSION:
            wait_owner(successor)
            landing.wait_for(landing.landed() + 1000)
        time.sleep(max(0, wakes_at - time.monotonic()))
        sleeper.thaw()
        # It may get partitions again, the writer under a new epoch.
        wait_until(sleeper.live, 10, lambda: f"{sleeper.instance} lives on")
        landing.wait_for(landing.landed() + 3000)
        assert not stale_commits(landing, pipeline)
        chain.remove(successor)
    finish()


@pytest.mark.parametrize("seconds", LENGTHS)
def test_the_simulator_sleeps(seconds, rounds, wait_for_a_moment, load, finish):
    """Nobody takes over from it: it goes on."""
    if seconds >= 15 and not rounds.long:
        pytest.skip("a long sleep: in the long form")
    for _ in rounds.one_of(LENGTHS[seconds]):
        wait_for_a_moment()
        load.freeze()
        time.sleep(seconds)
        load.thaw()
    finish()


class TestAtAPoint:
    """Frozen exactly where it hurts most, until the successor has taken over and gone on."""

    @pytest.fixture
    def programs(self):
        return faults_build.programs()

    @pytest.fixture
    def stage_flags(self):
        return ["--kafka-property", "session.timeout.ms=1000"]

    @pytest.mark.parametrize("name", Chain.STAGES)
    def test_a_replica_takes_over(self, name, rounds, chance, chain, load, landing, pipeline, finish):
        """Every point in the long form, some of them in the short one."""
        points = [point for point in TO_FREEZE_AT if faults_build.passes(name, point)]
        strikes = 0
        for _ in rounds.one_of(1):
            for point in points if rounds.long else chance.sample(points, 2):
                strikes += 1
                sleeper = chain.of(name)[0]
                sleeper.kill()
                where = f"{point}:{chance.randint(1, min(8, faults_build.ARRIVALS.get(point, 8)))}"
                print(where)
                sleeper.environment = {"SLUICE_FREEZE_AT": where}
                sleeper.start(ready_within=None)
                wait_until(sleeper.daemon.frozen, 60, lambda: f"{sleeper.instance} is frozen at {where}")
                successor = chain.add(name, ready_within=None)
                wait_owner(successor)
                landing.wait_for(landing.landed() + 1000)
                sleeper.thaw()
                wait_until(sleeper.live, 10, lambda: f"{sleeper.instance} lives on")
                landing.wait_for(landing.landed() + 1000)
                assert not stale_commits(landing, pipeline)
                sleeper.environment = {}
                chain.remove(successor)
        rounds.strikes = strikes
        finish()
