"""PostgreSQL away under load: the writer waits, with bounded memory, and catches up."""

import time

from support.process import wait_until

AWAY = 20  # seconds
GROWTH = 64 << 20  # bytes: bounded queues fill, and nothing grows beyond them


def test_postgres_stopped_under_load(pipeline, chain, simulator, landing, judge, stack):
    pipeline.create(3)
    chain.start()
    load = simulator(None, seed=31, rate=4000)
    writer = chain.of("storage-writer")[0]
    landing.wait_for(20_000)
    before = writer.memory()
    stack.postgres.stop()
    landing.close()
    try:
        wait_until(lambda: not writer.ready(), 15, "the writer is not ready without PostgreSQL")
        largest, end = before, time.monotonic() + AWAY
        while time.monotonic() < end:
            largest = max(largest, writer.memory())
            assert writer.live(), "liveness must not depend on PostgreSQL"
            time.sleep(0.2)
    finally:
        stack.postgres.start()
    assert largest - before < GROWTH, f"grew from {before >> 20} to {largest >> 20} MiB"
    wait_until(writer.ready, 30, "the writer is ready again")
    load.finish_now()
    landing.wait_all()
    judge(load.truth)
    assert writer.daemon.alive()


def test_postgres_killed_under_load(pipeline, chain, simulator, landing, judge, stack):
    """Every session dies in the middle of whatever it did; some COMMIT's answer may be lost."""
    pipeline.create(3)
    chain.start()
    load = simulator(None, seed=32, rate=4000)
    for _ in range(3):
        landing.wait_for(landing.landed() + 8_000)
        stack.postgres.daemon.stop(9)
        stack.postgres.start()
        landing.close()
    load.finish_now()
    landing.wait_all()
    judge(load.truth)
