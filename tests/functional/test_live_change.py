"""Everything that changes a running pipeline, at once and under load: contracts reloaded, the breaker tripped and reset, a candidate
shadowed, and each stage killed once. What each does alone is in test_operation.py, test_breaker.py and test_shadow.py."""

import collections
import json
import os
import random
import signal
import subprocess

import pytest

from support.admin import Admin
from support.breaker import BROKEN, FAIL, QUARANTINE, wait_tripped
from support.oracle import TABLES, Expected, load_truth
from support.pipeline import changed
from support.process import wait_until
from support.services import bin_dir
from support.telemetry import clean_value

PARTITIONS = 3
ROUNDS = 3
STRICTER = ("{minimum: 0, maximum: 250}", "{minimum: 0, maximum: 60}")


@pytest.fixture
def shadow(pipeline, stack, tmp_path):
    """`shadow()` evaluates a candidate beside the live contract until its end, which gives its report."""
    candidate = tmp_path / "candidate.odcs.yaml"
    candidate.write_text(changed(pipeline.contract.read_text(), ("version: 1.0.0", "version: 9.0.0"), STRICTER))
    started = []

    def start():
        process = subprocess.Popen([bin_dir() / "sluicectl", "contract", "shadow", candidate, "--pipeline", pipeline.folder, "-o", "json",
                                    "--seconds", "0"], env={**os.environ, "SLUICE_BOOTSTRAP_SERVERS": stack.bootstrap_servers},
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)

        def end():
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=60)
            assert process.returncode in (0, 1), errors
            return json.loads(output)

        return end

    yield start
    for process in started:
        process.kill()
        process.communicate()


class Contract:
    """The contract of a running pipeline: each change is a new version, in force from the next batch on."""

    def __init__(self, pipeline, chain):
        self._pipeline = pipeline
        self._validator = chain.of("ingest-validator")[0]
        self._minor = 0

    def change(self, *changes):
        old, self._minor = f"version: 1.{self._minor}.0", self._minor + 1
        self._pipeline.edit_contract((old, f"version: 1.{self._minor}.0"), *changes)
        with Admin(self._validator.admin_address) as admin:
            assert admin.call("ReloadContract")["version"] == f"1.{self._minor}.0"

    @property
    def changes(self):
        return self._minor


def rows_of(landing):
    """(partition, offset, version of its contract, whether it is clean and breaks STRICTER) of each record."""
    return landing.query(" UNION ALL ".join(
        f"SELECT kafka_partition, kafka_offset, version, {slow} FROM {table} JOIN sluice.contracts ON id = contract_id"
        for table, slow in ((TABLES["clean"], "speed_kmph > 60"), (TABLES["failed"], "false"), (TABLES["corrupt"], "false"))))


def test_reload_breaker_and_shadow_under_one_load(pipeline, chain, kafka, landing, simulator, shadow, sluicectl, judge):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    pipeline.create(PARTITIONS)
    chain.start()
    qc, contract, broken = chain.of("qc")[0], Contract(pipeline, chain), {}

    def produce_broken(partition):
        """One record that breaks has_gps_fix, among those of the load."""
        offset = kafka.produce(pipeline.source_topic, [(partition, b"k", clean_value(0, **BROKEN))])[0]
        broken[partition, offset] = Expected("failed", None, ("has_gps_fix",))
        return offset

    load = simulator(None, "--fault", "none", "--fault", "null=2%", "--fault", "broken_json=1%", seed=seed, rate=2_000)
    landing.wait_for(1_000)
    end_shadow = shadow()
    for victim in chain.services[:ROUNDS]:
        landing.wait_for(landing.landed() + chance.randrange(500, 3_000))
        contract.change(FAIL)
        landing.wait_for(landing.landed() + chance.randrange(500, 3_000))
        partition = chance.randrange(PARTITIONS)
        offset = produce_broken(partition)
        wait_tripped(qc, offset, partition)
        victim.kill()
        victim.start()
        wait_tripped(qc, offset, partition)
        landing.wait_for(landing.landed() + 1_000)
        assert landing.positions()[partition] <= offset, "nothing passes an open breaker"
        contract.change(QUARANTINE)
        with Admin(qc.admin_address) as admin:
            admin.call("ResetBreaker", partition=partition)
        wait_until(lambda: landing.positions()[partition] > offset, 60, f"partition {partition} goes on behind {offset}")
        contract_in_force = produce_broken(partition)  # under the new contract it is one failed record more
        wait_until(lambda: landing.positions()[partition] > contract_in_force, 60, f"it passes {contract_in_force}")
    report = end_shadow()
    load.finish_now()
    landing.wait_all()

    judge(load_truth(load.truth) | broken)
    sluicectl("verify", "--pipeline", pipeline)
    ranges = {entry["partition"]: range(entry["first"], entry["next"]) for entry in report["partitions"]}
    rows = [row for row in rows_of(landing) if row[1] in ranges.get(row[0], ())]
    by_version = collections.Counter(version for _, _, version, _ in rows)
    assert {entry["live"]: entry["records"] for entry in report["live"]} == by_version
    assert len(by_version) >= contract.changes, "all versions but perhaps the first, which it may have come too late for"
    stricter = sum(slow for _, _, _, slow in rows)
    assert {(entry["live"], entry["candidate"]): entry["records"] for entry in report["verdicts"]}["clean", "failed"] == stricter > 0
