"""kill -9 at random moments under load: nothing lost, nothing doubled, no verdict changed."""

import pytest


@pytest.mark.parametrize("name", ["ingest-validator", "qc", "storage-writer"])
def test_kill_a_service(name, rounds, wait_for_a_moment, chain, load, finish):
    victim = chain.of(name)[0]
    for _ in rounds:
        wait_for_a_moment()
        assert load.daemon.alive(), load.log_tail()
        victim.kill()
        victim.start(ready_within=None)
    finish()


def test_kill_the_simulator(rounds, wait_for_a_moment, load, finish):
    """Its spool and the topic tell it where it was: the record ids stay unique, and none is left out."""
    for _ in rounds:
        wait_for_a_moment()
        load.kill()
        load.start(ready_within=None)
    oracle = finish()
    assert len({record.headers["sluice-record-id"] for record in oracle.source.values()}) == len(oracle.source)


def test_kill_everything_at_once(rounds, wait_for_a_moment, chain, load, finish):
    for _ in rounds:
        wait_for_a_moment()
        for service in [*chain.services, load]:
            service.kill()
        for service in [*chain.services, load]:
            service.start(ready_within=None)
    finish()


def test_kill_kafka(rounds, wait_for_a_moment, chain, load, finish, stack):
    """The broker goes and comes back; the services stay and go on by themselves."""
    pids = {service.instance: service.pid for service in chain.services}
    for _ in rounds:
        wait_for_a_moment()
        stack.kafka.daemon.stop(9)
        stack.kafka.start()
    wait_for_a_moment()
    finish()
    assert {service.instance: service.pid for service in chain.services} == pids
