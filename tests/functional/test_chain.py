"""From the simulator to the tables: every record, judged by the oracle and by `sluicectl verify`."""

import pytest

from support.pipeline import copy_pipeline
from support.process import wait_until

FAULTY = 20_000


@pytest.mark.parametrize("partitions", [1, 3, 8])
def test_every_record_lands_once_with_its_promised_verdict(partitions, pipeline, chain, simulator, landing, judge, sluicectl):
    pipeline.create(partitions)
    chain.start()
    load = simulator(FAULTY, seed=partitions)
    load.finish()
    landing.wait_all()

    oracle = judge(load.truth)
    verdicts = oracle.verdicts()
    assert sum(verdicts.values()) == len(oracle.source) >= FAULTY
    assert verdicts["clean"] > verdicts["failed"] > 0 and verdicts["corrupt"] > 0
    sluicectl("verify", "--pipeline", pipeline, "--truth", load.truth)


def test_same_seed_same_records(tmp_path, kafka, simulator):
    """In a topic of another name, at another time: the same keys and values; with another seed others."""
    seen = []
    for turn, seed in enumerate([7, 7, 8]):
        pipeline = copy_pipeline("telemetry", tmp_path)
        kafka.create_topic(pipeline.source_topic, 2)
        simulator(2000, seed=seed, pipeline=pipeline, name=f"simulator-{turn}").finish()
        seen.append(sorted((record.key or b"", record.value or b"") for record in kafka.read(pipeline.source_topic)))
    assert len(seen[0]) >= 2000
    assert seen[0] == seen[1] != seen[2]


def owned_partitions(chain, name):
    return [service.metric("sluice_owned_partitions") if service.live() else 0 for service in chain.of(name)]


def test_replicas_come_and_go_while_records_flow(pipeline, chain, simulator, landing, judge, sluicectl):
    pipeline.create(6)
    chain.start()
    load = simulator(None, seed=3, rate=4000)
    landing.wait_for(6_000)
    added = [chain.add(name, ready_within=None) for name in chain.STAGES for _ in range(2)]
    for name in chain.STAGES:
        wait_until(lambda: owned_partitions(chain, name) == [2, 2, 2], 30,
                   lambda: f"the partitions are shared: {name} {owned_partitions(chain, name)}")
    landing.wait_for(landing.landed() + 10_000)
    for service in added:
        chain.remove(service)
    landing.wait_for(landing.landed() + 6_000)
    load.finish_now()
    landing.wait_all()

    judge(load.truth)
    sluicectl("verify", "--pipeline", pipeline, "--truth", load.truth)


def test_starting_late_and_again_changes_nothing(pipeline, chain, simulator, landing, judge):
    """The records are there before anybody reads them; then each service is stopped and started without new ones."""
    pipeline.create(2)
    load = simulator(5000, seed=5)
    load.finish()
    chain.start()
    landing.wait_all()
    before = landing.positions()
    for service in list(chain.services):
        assert service.stop() == 0, service.log_tail()
        service.start()
    assert landing.positions() == before
    judge(load.truth)
