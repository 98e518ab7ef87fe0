"""Records from people: a file that is replayed, and the simulator's gRPC entrance."""

import base64
import json

from support.admin import SIMULATOR, Admin
from support.oracle import Expected
from support.telemetry import clean_record, clean_value


def test_a_file_of_ones_own(pipeline, chain, simulator, landing, judge, sluicectl, tmp_path):
    """Lines good and bad, as they are; without a truth file `verify` still proves coverage and ledger."""
    lines = [clean_value(number) for number in range(2000)]
    lines[500] = b"no json"
    lines[1500] = clean_value(1500, fuel_level=None)
    source = tmp_path / "own.ndjson"
    source.write_bytes(b"\n".join(lines) + b"\n")
    pipeline.create(3)
    chain.start()
    load = simulator(None, "--input", source, "--input-key", "car_id")
    load.finish()
    landing.wait_all()

    oracle = judge()
    assert oracle.verdicts() == {"clean": 1998, "failed": 1, "corrupt": 1}
    assert sorted(record.value for record in oracle.source.values()) == sorted(lines)
    keys = {record.key: record.partition for record in oracle.source.values()}
    assert keys.keys() >= {clean_record(number)["car_id"].encode() for number in range(37)}
    sluicectl("verify", "--pipeline", pipeline)


def test_published_records_survive_a_kill(pipeline, chain, simulator, landing, judge, kafka):
    """Accepted is on disk: killed right after each answer, every record still arrives, and only once."""
    pipeline.create(2)
    chain.start()
    entrance = simulator(None, "--stopped")
    accepted = []
    for turn in range(5):
        entrance.wait_ready()
        records = [{"key": base64.b64encode(b"car").decode(), "id": f"mine-{turn}-{number}",
                    "value": base64.b64encode(clean_value(turn * 100 + number)).decode()} for number in range(100)]
        with Admin(entrance.admin_address) as admin:
            accepted += admin.call("Publish", SIMULATOR, records=records)["ids"]
            # The same again, as a client does that missed the answer.
            admin.call("Publish", SIMULATOR, records=records)
        entrance.kill()
        entrance.start(ready_within=None)
    entrance.wait_metric("sluice_spool_records", 0)
    landing.wait_for(len(accepted))
    landing.wait_all()
    oracle = judge()
    there = sorted(record.headers["sluice-record-id"].decode() for record in oracle.source.values())
    assert there == sorted(accepted)


def test_published_while_kafka_is_away(pipeline, chain, simulator, landing, judge, stack):
    pipeline.create(1)
    chain.start()
    entrance = simulator(None, "--stopped")
    entrance.wait_ready()
    stack.kafka.stop()
    try:
        with Admin(entrance.admin_address) as admin:
            values = [{"value": base64.b64encode(clean_value(number)).decode()} for number in range(200)]
            assert len(admin.call("Publish", SIMULATOR, records=values)["ids"]) == 200
        entrance.wait_metric("sluice_spool_records", 200)
    finally:
        stack.kafka.start()
    landing.wait_for(200)
    assert judge({(0, offset): Expected("clean") for offset in range(200)}).verdicts() == {"clean": 200}


def test_success_and_failure_logs(pipeline, simulator, kafka, landing):
    """Structured lines about what was delivered, without the payloads."""
    pipeline.create(1)
    load = simulator(500)
    load.finish()
    logs = sorted(load.log.parent.rglob("success.log"))
    assert logs, "there is a success log"
    lines = [json.loads(line) for line in logs[0].read_text().splitlines()]
    assert lines and "latitude" not in logs[0].read_text()
