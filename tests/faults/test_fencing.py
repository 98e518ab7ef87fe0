"""A storage-writer that stood still and wakes up after its partitions have a new owner."""

from support.process import wait_until


def owners(landing, pipeline):
    return {partition: (epoch, instance) for partition, epoch, instance in landing.query(
        "SELECT partition, epoch, instance FROM sluice.coverage WHERE pipeline = %s", [pipeline.name])}


def test_a_frozen_writer_commits_nothing_more(pipeline, chain, simulator, landing, judge, sluicectl):
    """Frozen at some instant under load, perhaps within a transaction. The oracle checks epochs along the ledger."""
    pipeline.create(3)
    chain.start()
    load = simulator(None, seed=21, rate=3000)
    sleeper = chain.of("storage-writer")[0]
    for _ in range(3):
        landing.wait_for(landing.landed() + 5000)
        wait_until(lambda: {name for _, name in owners(landing, pipeline).values()} == {sleeper.instance}, 30,
                   lambda: f"{sleeper.instance} owns all: {owners(landing, pipeline)}")
        before = owners(landing, pipeline)
        sleeper.freeze()
        successor = chain.add("storage-writer", ready_within=None)
        wait_until(lambda: all(epoch > before[partition][0] and name == successor.instance
                               for partition, (epoch, name) in owners(landing, pipeline).items()),
                   60, lambda: f"{successor.instance} owns all: {owners(landing, pipeline)}")
        landing.wait_for(landing.landed() + 1000)
        sleeper.thaw()
        # It wakes up into a group and a database that have gone on: it may own partitions again, with a new epoch.
        wait_until(sleeper.live, 10, "the frozen writer lives on")
        landing.wait_for(landing.landed() + 3000)
        stale = landing.query(
            "SELECT l.partition, l.first_offset, l.epoch FROM sluice.ledger l JOIN sluice.ledger s USING (pipeline, partition) "
            "WHERE l.pipeline = %s AND l.epoch < s.epoch AND l.first_offset > s.first_offset", [pipeline.name])
        assert not stale, f"committed by a replaced owner: {stale}"
        chain.remove(successor)
    load.finish_now()
    landing.wait_all()
    judge(load.truth)
    sluicectl("verify", "--pipeline", pipeline, "--truth", load.truth)
