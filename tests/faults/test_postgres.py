"""PostgreSQL in every kind of trouble under load: the writer waits, with bounded memory, and goes on exactly."""

import time

import pytest

from support.process import wait_until


@pytest.fixture
def writer(chain, load):
    return chain.of("storage-writer")[0]


def turns(writer, ready, seconds=5):
    """Readiness follows within five seconds."""
    wait_until(lambda: writer.ready() == ready, seconds,
               lambda: f"the writer is {'' if ready else 'not '}ready: {writer.http('/readyz')}", 0.05)


def test_down(rounds, writer, landing, finish, stack):
    """Longer than any backoff. Not ready, but alive; no rebalance, so that everything goes on at once."""
    away = 60 if rounds.long else 5
    landing.wait_for(10_000)
    openings = writer.metric("sluice_partition_openings_total")
    stack.postgres.stop()
    landing.close()
    turns(writer, ready=False)
    time.sleep(away)  # the outage itself
    assert not writer.ready()
    stack.postgres.start()
    turns(writer, ready=True)
    print(f"{writer.metric('sluice_partition_openings_total') - openings} openings of partitions")
    finish()


def test_immediate_stop(rounds, wait_for_a_moment, landing, finish, stack):
    """Every session dies in the middle of whatever it did, and PostgreSQL recovers from its log."""
    for _ in rounds:
        wait_for_a_moment()
        stack.postgres.stop(3)  # SIGQUIT: immediate shutdown
        landing.close()
        stack.postgres.start()
    finish()


def test_kill(rounds, wait_for_a_moment, landing, finish, stack):
    for _ in rounds:
        wait_for_a_moment()
        stack.postgres.daemon.stop(9)
        landing.close()
        stack.postgres.start()
    finish()
