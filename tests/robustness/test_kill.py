"""kill -9 at random moments under load: nothing lost, nothing doubled, no verdict changed."""

import os
import random

import pytest

pytestmark = pytest.mark.slow

KILLS = 5
RATE = 3000


@pytest.fixture
def chance(request):
    """Random, and the same again with SLUICE_TEST_SEED (a failed test prints it)."""
    seed = os.environ.get("SLUICE_TEST_SEED") or str(random.randrange(1 << 32))
    print(f"SLUICE_TEST_SEED={seed}")
    return random.Random(f"{seed} {request.node.name}")


@pytest.fixture
def load(pipeline, chain, simulator, landing):
    """The whole chain under a load without end, which has begun to land."""
    pipeline.create(3)
    chain.start()
    load = simulator(None, seed=KILLS, rate=RATE)
    landing.wait_for(1000)
    return load


def wait_for_a_moment(chance, landing):
    """Until some more has landed: a little, so that it strikes while the last blow is still felt, or a lot."""
    landing.wait_for(landing.landed() + chance.choice([1, chance.randrange(1, 1000), chance.randrange(1000, 8000)]))


@pytest.mark.parametrize("name", ["ingest-validator", "qc", "storage-writer"])
def test_kill_a_service(name, chance, pipeline, chain, load, landing, judge, sluicectl):
    victim = chain.of(name)[0]
    for _ in range(KILLS):
        wait_for_a_moment(chance, landing)
        assert load.daemon.alive(), load.log_tail()
        victim.kill()
        victim.start(ready_within=None)
    load.finish_now()
    landing.wait_all()
    judge(load.truth)
    sluicectl("verify", "--pipeline", pipeline, "--truth", load.truth)


def test_kill_the_simulator(chance, load, landing, judge):
    """Its spool and the topic tell it where it was: the record ids stay unique, and none is left out."""
    for _ in range(KILLS):
        wait_for_a_moment(chance, landing)
        load.kill()
        load.start(ready_within=None)
    load.finish_now()
    landing.wait_all()
    oracle = judge(load.truth)
    assert len({record.headers["sluice-record-id"] for record in oracle.source.values()}) == len(oracle.source)


def test_kill_everything_at_once(chance, chain, load, landing, judge):
    for _ in range(KILLS):
        wait_for_a_moment(chance, landing)
        for service in [*chain.services, load]:
            service.kill()
        for service in [*chain.services, load]:
            service.start(ready_within=None)
    load.finish_now()
    landing.wait_all()
    judge(load.truth)


def test_kill_kafka(chance, chain, load, landing, judge, stack):
    """The broker goes and comes back; the services stay and go on by themselves."""
    pids = {service.instance: service.pid for service in chain.services}
    for _ in range(2):
        wait_for_a_moment(chance, landing)
        stack.kafka.daemon.stop(9)
        stack.kafka.start()
    wait_for_a_moment(chance, landing)
    load.finish_now()
    landing.wait_all()
    judge(load.truth)
    assert {service.instance: service.pid for service in chain.services} == pids
