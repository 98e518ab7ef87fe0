"""The admin API, health and metrics of real processes, met only through reflection and HTTP."""

import base64
import contextlib
import json
import pathlib
import signal
import threading

import grpc
import psycopg
import pytest

from support.admin import PIPELINES, SIMULATOR, Admin
from support.process import wait_until
from support.telemetry import clean_value


@pytest.fixture
def running(pipeline, chain, kafka, landing):
    """A chain over two partitions through which a hundred records have gone."""
    pipeline.create(2)
    chain.start()
    kafka.produce(pipeline.source_topic, [(number % 2, b"k", clean_value(number)) for number in range(100)])
    landing.wait_all()
    return chain


def statuses(service):
    with Admin(service.admin_address) as admin:
        return admin.call("GetStatus")["pipelines"]


def test_status_health_and_config(running, pipeline):
    for service in running.services:
        with Admin(service.admin_address) as admin:
            assert {"sluice.admin.v1.PipelineService", "grpc.health.v1.Health"} <= admin.services()
            assert [admin.health(name) for name in ("", "liveness", "readiness", pipeline.name)] == [1] * 4
            status = admin.call("GetStatus")["pipelines"]
            assert [entry["pipeline"] for entry in status] == [pipeline.name]
            assert status[0]["state"] == "running" and len(status[0]["partitions"]) == 2, status
            # Its output may be read before it has the acknowledgement.
            wait_until(lambda: [entry["next"] for entry in statuses(service)[0]["partitions"]] == ["50", "50"], 10,
                       lambda: f"{service.instance} is at the end: {statuses(service)}")
            assert json.loads(admin.call("GetConfig")["config_json"])
            assert next(admin.stream("WatchStatus", interval_ms=200))["status"]["pipelines"]


def test_errors_say_what_to_do(running):
    with Admin(running.of("qc")[0].admin_address) as admin:
        for method, fields, code in (
                ("GetStatus", {"pipeline": "no-such"}, grpc.StatusCode.NOT_FOUND),
                ("Seek", {"partition": 0, "offset": 1}, grpc.StatusCode.FAILED_PRECONDITION),
                ("Pause", {"partitions": [77]}, grpc.StatusCode.NOT_FOUND),
                ("SetLogLevel", {"level": "shouting"}, grpc.StatusCode.INVALID_ARGUMENT)):
            with pytest.raises(grpc.RpcError) as caught:
                admin.call(method, **fields)
            assert caught.value.code() == code, f"{method}: {caught.value}"
            assert len(caught.value.details()) > 10


def test_pause_seek_and_resume(running, pipeline, kafka, landing, judge):
    for service in running.services:
        with Admin(service.admin_address) as admin:
            admin.call("Pause", partitions=[1])
            kafka.produce(pipeline.source_topic, [(number % 2, b"k", clean_value(number)) for number in range(20)])
            wait_until(lambda: landing.positions()[0] == landing.query(
                "SELECT max(next_offset) FROM sluice.ledger WHERE pipeline = %s AND partition = 0",
                [pipeline.name])[0][0] and landing.positions()[0] == kafka.offsets(pipeline.source_topic)[0][1],
                30, "partition 0 goes on")
            held = landing.positions()[1]
            assert held < kafka.offsets(pipeline.source_topic)[1][1]
            assert service.metric("sluice_paused_partitions") == 1
            if service.name != "storage-writer":
                # Earlier is safe: what is emitted again is trimmed by everyone behind.
                assert admin.call("Seek", partition=1, offset=5, dry_run=True)["to"] == "5"
                assert admin.call("Seek", partition=1, offset=5)["to"] == "5"
            assert landing.positions()[1] == held
            admin.call("Resume")
        landing.wait_all()
    judge()


@contextlib.contextmanager
def flowing(kafka, pipeline, *values):
    """Sampling begins with the call, so records flow until enough were seen."""
    stop = threading.Event()

    def load():
        while not stop.wait(0.05):
            kafka.produce(pipeline.source_topic, [(number % 2, b"secret-key", value) for number, value in enumerate(values)])

    thread = threading.Thread(target=load)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_tap_shows_verdicts(running, pipeline, kafka):
    with Admin(running.of("ingest-validator")[0].admin_address) as admin, flowing(kafka, pipeline, b"no json", clean_value(1)):
        records = list(admin.stream("Tap", limit=3, verdict="corrupt", duration_ms=20000))
    assert [(record["verdict"], record["reason"]) for record in records] == [("corrupt", "invalid_json")] * 3


def test_tap_filters_in_the_service(running, pipeline, kafka, sluicectl):
    fast = clean_value(1, speed_kmph=300)
    both = clean_value(2, speed_kmph=300, fuel_level=None)
    qc = running.of("qc")[0]

    def tap(stage, *filters, expect=0):
        endpoint = (running.of("ingest-validator")[0] if stage == "validated" else qc).admin_address
        done = sluicectl("-o", "json", "--endpoint", endpoint, "tap", stage, "--limit", 4, "--seconds", 20, *filters, expect=expect)
        return [json.loads(line) for line in done.stdout.splitlines()] or done.stderr

    with flowing(kafka, pipeline, b"no json", b"", clean_value(1), fast, both):
        by_rule = tap("checked", "--rule", "speed_kmph_maximum")
        assert {tuple(record["failed_rules"]) for record in by_rule} <= {
            ("speed_kmph_maximum",), ("speed_kmph_maximum", "fuel_level_null")}
        by_all = tap("checked", "--rule", "speed_kmph_maximum", "--column", "fuel_level", "--verdict", "failed")
        assert [record["columns"]["trip_id"] for record in by_all] == ["trip-00000"] * 4
        assert all(record["failed_rules"] == ["speed_kmph_maximum", "fuel_level_null"] for record in by_all)
        assert {record["reason"] for record in tap("validated", "--reason", "empty_value")} == {"empty_value"}

        refused = tap("checked", "--rule", "speed_kmph_maximun", expect=2)
        assert 'did you mean "speed_kmph_maximum"' in refused and "clock_not_ahead" in refused
        assert "has no column `nothing`" in tap("checked", "--column", "nothing", expect=2)
        assert "there are: invalid_json, " in tap("checked", "--reason", "nothing", expect=2)
        assert "tap qc or a sink" in tap("validated", "--rule", "speed_kmph_maximum", expect=2)


@pytest.fixture
def classified(pipeline):
    """Of the cars nobody is to see where they are and which they are."""
    contract = pathlib.Path(pipeline) / "contract.odcs.yaml"
    text = contract.read_text()
    for column, word in (("car_id", "confidential"), ("latitude", "PII"), ("longitude", "public")):
        assert f"- name: {column}\n" in text
        text = text.replace(f"- name: {column}\n", f"- name: {column}\n        classification: {word}\n")
    contract.write_text(text)


def test_classified_values_are_hidden(classified, running, pipeline, kafka, landing, sluicectl, database_url):
    qc = running.of("qc")[0]
    failed = clean_value(1, car_id="secret-car", latitude=91.25, fuel_level=None)

    def tap(*flags):
        done = sluicectl("-o", "json", "--endpoint", qc.admin_address, "tap", "checked", "--limit", 1, *flags).stdout
        return json.loads(done), done

    with flowing(kafka, pipeline, b"secret-bytes", failed):
        record, text = tap("--verdict", "failed")
        assert "secret" not in text and "91.25" not in text and record["redacted"]
        assert record["columns"]["car_id"] == record["columns"]["latitude"] == record["key"] == "[redacted]"
        assert record["columns"]["longitude"] != "[redacted]" and record["columns"]["fuel_level"] is None
        record, text = tap("--verdict", "corrupt")
        assert "secret" not in text and record["raw"] == "[redacted]" and record["reason"] == "invalid_json"
        record, _ = tap("--verdict", "failed", "--show-classified")
        assert record["columns"]["car_id"] == "secret-car" and record["key"] == "secret-key" and not record["redacted"]
        record, _ = tap("--verdict", "corrupt", "--show-classified")
        assert record["raw"] == "secret-bytes"
    assert "tap classified values" in qc.log_tail(1000)

    landing.wait_all()
    with psycopg.connect(database_url) as database:
        [(refused,)] = database.execute("SELECT min(kafka_offset) FROM qc_failed_table WHERE kafka_partition = 1").fetchall()
        [(corrupt,)] = database.execute("SELECT min(kafka_offset) FROM corrupt_records WHERE kafka_partition = 0").fetchall()
    for partition, offset, source, word in ((1, refused, "failed", "secret-car"), (0, corrupt, "corrupt", "secret-bytes")):
        at = ("--pipeline", pipeline, "--partition", partition, "--offset", offset)
        for output in ("table", "json"):
            for command in (["explain"], ["dead-letters", "show", "--from", source]):
                hidden = sluicectl("-o", output, *command, *at).stdout
                assert "[redacted]" in hidden and "secret" not in hidden and "91.25" not in hidden
                assert word in sluicectl("-o", output, *command, *at, "--show-classified").stdout
        bytes_ = ["dead-letters", "show", "--from", source, "--raw", *at]
        assert "--show-classified" in sluicectl(*bytes_, expect=2).stderr
        assert word in sluicectl(*bytes_, "--show-classified").stdout


def test_drain_and_resume(running, pipeline, kafka, landing):
    service = running.of("qc")[0]
    with Admin(service.admin_address) as admin:
        admin.call("Drain")
        wait_until(lambda: statuses(service)[0]["state"] == "drained", 20, lambda: f"drained: {statuses(service)}")
        kafka.produce(pipeline.source_topic, [(0, b"k", clean_value(1))])
        assert landing.landed() == 100
        admin.call("Resume")
        landing.wait_all()


def test_metrics_are_there_from_the_start(pipeline, chain):
    """Every series of a closed set exists at 0 before the first record."""
    pipeline.create(1)
    chain.start()
    for service in chain.services:
        service.wait_metric("sluice_owned_partitions", 1)
        names = {sample.name for sample in service.metrics()}
        assert {"sluice_build_info", "sluice_records_total", "sluice_repeated_records_total"} <= names, service.name
    writer = chain.of("storage-writer")[0]
    assert {sample.labels["verdict"] for sample in writer.metrics() if sample.name == "sluice_records_total"} >= {
        "clean", "failed", "corrupt", "duplicate", "late", "filtered", "tombstone", "lost"}


def test_metrics_count_what_happened(running, pipeline):
    for service in running.services:
        service.wait_metric("sluice_records_total", 100, pipeline=pipeline.name)
    writer = running.of("storage-writer")[0]
    assert writer.metric("sluice_end_to_end_latency_seconds_count") == 100
    assert writer.metric("sluice_sink_commits_total") >= 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_graceful_stop(number, running):
    for service in running.services:
        service.daemon.send(number)
        service.daemon.wait(25)
        assert service.daemon.returncode == 0, service.log_tail()
        assert '"key"' not in service.log.read_text() or "trip-" not in service.log.read_text(), "a payload in the log"


# Every method of the admin API: whom to ask, the request, and what is right about the answers, or the code of the refusal.
VALIDATOR, QC, ENTRANCE = "ingest-validator", "qc", "producer-simulator"
ROUND_TRIPS = [
    (PIPELINES, "GetStatus", VALIDATOR, {}, lambda answer: answer["pipelines"][0]["state"] == "running"),
    (PIPELINES, "WatchStatus", VALIDATOR, {"interval_ms": 100}, lambda answer: answer["status"]["service"] == VALIDATOR),
    (PIPELINES, "GetConfig", VALIDATOR, {}, lambda answer: json.loads(answer["config_json"])),
    (PIPELINES, "SetLogLevel", VALIDATOR, {"level": "debug"}, lambda _: True),
    (PIPELINES, "GetStatus", VALIDATOR, {}, lambda answer: answer["log_level"] == "debug"),
    (PIPELINES, "ReloadContract", VALIDATOR, {}, lambda answer: answer["version"] == "1.0.0"),
    (PIPELINES, "Tap", VALIDATOR, {"limit": 1, "duration_ms": 20_000}, lambda answer: answer["verdict"] == "valid"),
    (PIPELINES, "Repair", VALIDATOR, {"partition": 1, "from": 5, "dry_run": True}, lambda answer: answer["to"] == "5"),
    (PIPELINES, "Pause", VALIDATOR, {"partitions": [1]}, lambda _: True),
    (PIPELINES, "Seek", VALIDATOR, {"partition": 1, "offset": 5, "dry_run": True}, lambda answer: answer["to"] == "5"),
    (PIPELINES, "Drain", VALIDATOR, {}, lambda _: True),
    (PIPELINES, "Resume", VALIDATOR, {}, lambda _: True),
    (PIPELINES, "AcceptLoss", VALIDATOR, {"partition": 1, "dry_run": True}, grpc.StatusCode.FAILED_PRECONDITION),
    (PIPELINES, "ResetBreaker", QC, {"partition": 1, "dry_run": True}, grpc.StatusCode.FAILED_PRECONDITION),
    (SIMULATOR, "GetSimulatorStatus", ENTRANCE, {}, lambda answer: answer["run_id"]),
    (SIMULATOR, "SetRate", ENTRANCE, {"records_per_second": 100}, lambda _: True),
    (SIMULATOR, "SetFaults", ENTRANCE, {"shares": {"null": 0.5}}, lambda answer: answer["shares"]["null"] == 0.5),
    (SIMULATOR, "Burst", ENTRANCE, {"records": 10}, lambda _: True),
    (SIMULATOR, "Publish", ENTRANCE, {"records": [{"value": base64.b64encode(clean_value(1)).decode(), "id": "mine"}]},
     lambda answer: answer["ids"] == ["mine"]),
    (SIMULATOR, "Start", ENTRANCE, {}, lambda _: True),
    (SIMULATOR, "Stop", ENTRANCE, {}, lambda _: True),
]


def answers(admin, api, method, request):
    """What a method gives, or the code of its refusal; of a stream, the first answer."""
    try:
        return admin.first(method, api, **request)
    except grpc.RpcError as refusal:
        assert len(refusal.details()) > 10, f"{method} does not say what to do: {refusal}"
        return refusal.code()


def test_every_method_answers(running, pipeline, kafka, simulator, landing):
    """Also one that is new: without a round trip above, the test fails."""
    processes = {service.name: service for service in running.services}
    processes[ENTRANCE] = simulator(None, "--stopped")
    processes[ENTRANCE].wait_ready()
    stop = threading.Event()

    def load():  # Tap shows what is emitted from its call on
        while not stop.wait(0.05):
            kafka.produce(pipeline.source_topic, [(0, b"k", clean_value(1))])

    thread = threading.Thread(target=load)
    thread.start()
    offered = set()
    try:
        for name, service in processes.items():
            with Admin(service.admin_address) as admin:
                offered |= admin.methods()
                for api, method, whom, request, right in ROUND_TRIPS:
                    if whom != name:
                        continue
                    answer = answers(admin, api, method, request)
                    assert answer == right if isinstance(right, grpc.StatusCode) else (
                        isinstance(answer, dict) and right(answer)), f"{method} of {name}: {answer}"
    finally:
        stop.set()
        thread.join()
    assert offered == {(api, method) for api, method, *_ in ROUND_TRIPS}
    landing.wait_all()
