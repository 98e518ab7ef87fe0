"""The circuit breaker: a partition stops at an exact record, stays so whatever happens to qc, and goes on when told to."""

import json

import grpc
import pytest

from support.admin import Admin
from support.breaker import BROKEN, FAIL, QUARANTINE, tripped, wait_tripped
from support.process import wait_until
from support.telemetry import clean_value


@pytest.fixture
def strict(pipeline):
    """The pipeline, with a rule whose action is `fail`."""
    pipeline.edit_contract(FAIL)
    return pipeline


@pytest.fixture
def limited(pipeline):
    """The pipeline, with a limit: ten of a hundred may fail."""
    pipeline.edit("^sinks:", "quality: {breaker: {max_failure_rate: 0.1, window: 100 records}}\nsinks:")
    return pipeline


@pytest.fixture
def ctl(chain, sluicectl, pipeline):
    """sluicectl that asks all of the chain."""
    def call(command, *arguments, expect=0):
        endpoints = [part for service in chain.services if service.daemon.alive()
                     for part in ("--endpoint", service.admin_address)]
        return sluicectl(*endpoints, command, "--pipeline", pipeline, *arguments, expect=expect)

    return call


def produce(kafka, pipeline, count, bad=(), partition=0, start=0):
    """`count` records from offset `start` on; those at offsets in `bad` break has_gps_fix."""
    offsets = kafka.produce(pipeline.source_topic, [
        (partition, b"k", clean_value(number, **(BROKEN if number in bad else {}))) for number in range(start, start + count)])
    assert offsets == list(range(start, start + count))


def test_stops_at_the_record_that_breaks_a_rule_with_action_fail(strict, chain, kafka, landing, judge, ctl):
    strict.create(1)
    chain.start()
    qc = chain.of("qc")[0]
    assert qc.metric("sluice_breaker_open_partitions") == 0 and qc.metric("sluice_breaker_trips_total") == 0
    produce(kafka, strict, 100, bad={60, 61, 90})

    error = wait_tripped(qc, 60)
    assert "has_gps_fix" in error and "reset-breaker" in error
    landing.wait_emitted("checked")
    assert landing.positions() == {0: 60}, "everything before the record has landed, and nothing else"
    assert landing.emitted("validated") == {0: 100}
    qc.wait_metric("sluice_breaker_open_partitions", 1)
    assert qc.metric("sluice_stopped_partitions") == 0
    assert qc.metric("sluice_breaker_trips_total", rule="has_gps_fix") == qc.metric("sluice_breaker_trips_total") == 1
    assert qc.ready(), "it does what it is there for"
    line = next(json.loads(line) for line in qc.log.read_text().splitlines() if "the breaker stopped" in line)
    assert "has_gps_fix" in str(line) and "offset 60" in str(line) and line["level"] == "error"

    said = ctl("status", expect=1).stdout
    assert "tripped" in said and "offset 60" in said and "has_gps_fix" in said
    said = ctl("verify", expect=1).stdout
    assert "the breaker is open at offset 60: the record breaks the rule has_gps_fix" in said and "1 differences" in said

    shown = ctl("reset-breaker", "--partition", 0, "--dry-run")
    assert "60" in shown.stdout and "61" in shown.stdout and "has_gps_fix" in shown.stderr
    assert tripped(qc)
    ctl("reset-breaker", "--partition", 0, expect=2)  # nobody to ask
    assert tripped(qc)
    ctl("reset-breaker", "--partition", 0, "--yes")
    wait_tripped(qc, 61)
    ctl("reset-breaker", "--partition", 0, "--until", 91, "--yes")
    landing.wait_all()
    assert tripped(qc) is None
    assert qc.metric("sluice_breaker_open_partitions") == 0
    ctl("verify")
    assert landing.query("SELECT kafka_offset FROM qc_failed_table ORDER BY 1") == [(60,), (61,), (90,)]
    judge()


def test_outlives_restarts_open_and_reset(strict, chain, kafka, landing, judge, ctl):
    strict.create(1)
    chain.start()
    qc, validator = chain.of("qc")[0], chain.of("ingest-validator")[0]
    produce(kafka, strict, 50, bad={20, 40})
    wait_tripped(qc, 20)
    for end in (qc.kill, qc.stop):
        end()
        qc.start()
        wait_tripped(qc, 20)
    with Admin(qc.admin_address) as admin:
        admin.call("Resume")  # tries again, and lets nothing pass
    wait_tripped(qc, 20)
    landing.wait_emitted("checked")
    assert landing.positions() == {0: 20}

    ctl("reset-breaker", "--partition", 0, "--yes")
    qc.kill()
    validator.kill()  # and nobody else remembers it for qc either
    qc.start()
    wait_tripped(qc, 40)
    validator.start()
    ctl("reset-breaker", "--partition", 0, "--yes")
    qc.kill()
    qc.start()
    landing.wait_all()
    # What was let pass is let pass: also when it is emitted again.
    with Admin(qc.admin_address) as admin:
        wait_until(lambda: admin.call("GetStatus")["pipelines"][0]["partitions"][0]["next"] == "50", 10, "at the end")
        admin.call("Repair", partition=0, **{"from": 5})
        wait_until(lambda: admin.call("GetStatus")["pipelines"][0]["partitions"][0]["next"] == "50", 30, "emitted again")
    assert tripped(qc) is None
    produce(kafka, strict, 10, start=50)
    landing.wait_all()
    ctl("verify")
    judge()


@pytest.mark.parametrize("rows", [4096, 7])
def test_stops_when_too_many_of_a_window_fail(rows, limited, chain, kafka, landing, judge, ctl):
    """By the offsets of the source: the cut of the batches makes no difference, nor does a restart in the window."""
    limited.edit("^sinks:", f"batch: {{rows: {rows}}}\nsinks:")
    limited.create(1)
    chain.start()
    qc = chain.of("qc")[0]
    bad = {*range(95, 105), *range(120, 128)}  # five in the first window, thirteen in the second
    produce(kafka, limited, 122, bad)
    landing.wait_all()
    qc.kill()
    qc.start()
    produce(kafka, limited, 128, bad, start=122)
    error = wait_tripped(qc, 125)
    assert "11 have failed of offsets [100, 200)" in error and "has_gps_fix" in error
    landing.wait_emitted("checked")
    assert landing.positions() == {0: 125}
    ctl("reset-breaker", "--partition", 0, "--yes")
    landing.wait_all()
    ctl("verify")
    judge()


def test_corrupt_records_are_failures(limited, chain, kafka, landing, judge, ctl):
    limited.create(1)
    chain.start()
    qc = chain.of("qc")[0]
    kafka.produce(limited.source_topic, [(0, b"k", b"{" if number % 2 else clean_value(number)) for number in range(150)])
    assert "invalid_json" in wait_tripped(qc, 21)
    ctl("reset-breaker", "--partition", 0, "--yes")
    assert "invalid_json" in wait_tripped(qc, 121)
    assert qc.metric("sluice_breaker_trips_total", rule="(corrupt)") == 2
    ctl("reset-breaker", "--partition", 0, "--yes")
    landing.wait_all()
    ctl("verify")
    judge()


def test_another_owner_finds_it_open(strict, chain, kafka, landing, judge, ctl):
    """Two replicas: the other partitions flow, and who takes the stopped one over does not let it pass."""
    strict.create(4)
    chain.start(replicas=2)
    first, second = chain.of("qc")
    for partition in range(4):
        produce(kafka, strict, 40, bad={10} if partition == 2 else (), partition=partition)
    owner = wait_until(lambda: next((qc for qc in (first, second) if tripped(qc, 2)), None), 30, "one has stopped it")
    other = second if owner is first else first
    wait_tripped(owner, 10, partition=2)
    wait_until(lambda: landing.positions() == {0: 40, 1: 40, 2: 10, 3: 40}, 30, lambda: f"the others flow: {landing.positions()}")
    owner.kill()
    wait_tripped(other, 10, partition=2)
    owner.start()
    wait_until(lambda: sum(len(status["partitions"]) for qc in (first, second) for status in statuses(qc)) == 4
               and statuses(owner)[0]["partitions"], 40, "they share again")
    holder = wait_until(lambda: next((qc for qc in (first, second) if tripped(qc, 2)), None), 30, "one holds it, stopped")
    wait_tripped(holder, 10, partition=2)
    assert landing.positions()[2] == 10
    ctl("reset-breaker", "--partition", 2, "--yes")
    landing.wait_all()
    ctl("verify")
    judge()


def statuses(service):
    with Admin(service.admin_address) as admin:
        return admin.call("GetStatus")["pipelines"]


def test_a_new_contract_counts_from_where_the_validator_has_it(strict, chain, kafka, landing, judge, ctl):
    """What waits behind the breaker was validated under the contract that its batch names, and is judged by it."""
    strict.create(1)
    chain.start()
    qc, validator = chain.of("qc")[0], chain.of("ingest-validator")[0]
    produce(kafka, strict, 20, bad={5, 15})
    wait_tripped(qc, 5)
    strict.edit_contract(("version: 1.0.0", "version: 1.1.0"), QUARANTINE)
    with Admin(validator.admin_address) as admin:
        admin.call("ReloadContract")
    produce(kafka, strict, 20, bad={25, 35}, start=20)
    ctl("reset-breaker", "--partition", 0, "--yes")
    wait_tripped(qc, 15)
    ctl("reset-breaker", "--partition", 0, "--yes")
    landing.wait_all()
    assert landing.query("SELECT kafka_offset FROM qc_failed_table ORDER BY 1") == [(5,), (15,), (25,), (35,)]
    ctl("verify")
    judge()


def test_a_reset_says_what_it_is_about(strict, chain, kafka, landing):
    strict.create(1)
    chain.start()
    qc = chain.of("qc")[0]
    produce(kafka, strict, 10, bad={3})
    wait_tripped(qc, 3)
    with Admin(qc.admin_address) as admin:
        for fields, code in (({"at": 2}, grpc.StatusCode.FAILED_PRECONDITION), ({"until": 3}, grpc.StatusCode.INVALID_ARGUMENT),
                             ({"partition": 7}, grpc.StatusCode.NOT_FOUND)):
            with pytest.raises(grpc.RpcError) as caught:
                admin.call("ResetBreaker", **fields)
            assert caught.value.code() == code, f"{fields}: {caught.value}"
        assert admin.call("ResetBreaker", at=3, until=5)["to"] == "5"
        with pytest.raises(grpc.RpcError) as caught:
            admin.call("ResetBreaker")
        assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    landing.wait_all()
    with Admin(chain.of("storage-writer")[0].admin_address) as admin, pytest.raises(grpc.RpcError) as caught:
        admin.call("ResetBreaker")
    assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
