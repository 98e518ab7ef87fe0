"""docker compose up, and then what happens to a deployment in its life. In this order."""

import json
import os
import pathlib
import re

import psycopg
import pytest

from containers.deployment import OURS, PARTITIONS, PATIENCE, RUNNING, STAGES, docker, run
from support.process import wait_until
from support.stack import ROOT

RECORDS = int(os.environ.get("SLUICE_CONTAINERS_RECORDS", "500000"))


@pytest.fixture
def load(deployment):
    """Records flow until the end of the test, which then has to verify."""
    deployment.start_load()
    yield
    if deployment.containers("producer-simulator"):
        deployment.stop_load()


def end_clean(deployment):
    deployment.stop_load()
    assert "verified: each of" in deployment.verify()


def test_up(deployment):
    """As a newcomer types it; then the profiles as well."""
    deployment.compose("up", "--detach", "--wait", "--no-build", profiles=(), seconds=2 * PATIENCE)
    for service in (*STAGES, "kafka", "postgres"):
        health = deployment.inspect(deployment.containers(service)[0])["State"]["Health"]["Status"]
        assert health == "healthy", service
    deployment.up()
    services = deployment.config()["services"]
    assert deployment.sluicectl("status").returncode == 0
    for service in (*RUNNING, "kafka", "postgres"):
        assert len(deployment.containers(service)) == 1, service
    assert not [name for name in services if "container_name" in services[name]], "a fixed name forbids a second replica"


def test_containers_are_locked(deployment):
    """Of all of them, also Kafka, PostgreSQL and Prometheus: not root, read-only root, no capability, none to gain."""
    for service in (*RUNNING, "kafka", "postgres"):
        for container in deployment.containers(service):
            found = deployment.inspect(container)
            host = found["HostConfig"]
            assert host["ReadonlyRootfs"] and not host["Privileged"], service
            assert host["Memory"] > 0, f"{service} has no memory limit"
            assert host["LogConfig"]["Config"]["max-size"], f"the log of {service} would grow for ever"
            status = pathlib.Path(f"/proc/{found['State']['Pid']}/status").read_text()
            assert not re.search(r"^Uid:.*\b0\b", status, re.M), f"{service} runs as root"
            assert re.search(r"^CapEff:\s*0+$", status, re.M), f"{service} has capabilities"
            assert re.search(r"^NoNewPrivs:\s*1$", status, re.M), f"{service} may gain privileges"


def test_nothing_is_reachable_from_elsewhere(deployment):
    assert deployment.published, "no port was found, so nothing was tested"
    assert {address for address, _ in deployment.published} == {"127.0.0.1"}
    listening = run("ss", "-Hltnp").stdout
    ours = [line.split()[3] for line in listening.splitlines() if "docker-proxy" in line]
    assert len(ours) >= len(deployment.published)
    assert all(address.startswith("127.0.0.1:") for address in ours), ours
    # And from inside there is no way out.
    network = json.loads(docker("network", "inspect", f"{deployment.project}_inner").stdout)[0]
    assert network["Internal"]
    for stage in STAGES:
        networks = deployment.inspect(deployment.containers(stage)[0])["NetworkSettings"]["Networks"]
        assert list(networks) == [f"{deployment.project}_inner"]


def test_passwords_are_files_of_their_users_alone(deployment):
    password = deployment.password("sluice")
    assert len(password) >= 32
    for service in RUNNING:
        found = json.dumps(deployment.inspect(deployment.containers(service)[0]))
        assert password not in found, f"docker inspect shows the password of {service}"
    pgpass = deployment.exec("postgres", "ls", "/run/secrets").stdout
    assert "sluice_password" in pgpass
    with deployment.connect("grafana") as reader:
        for statement in ("CREATE TABLE public.mine (a int)", "DELETE FROM sluice.ledger", "INSERT INTO sluice.targets DEFAULT VALUES"):
            reader.execute("SET default_transaction_read_only = off")
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
                reader.execute(statement)


def test_streams(deployment):
    deployment.sim("burst", RECORDS)
    deployment.landing.wait_for(RECORDS, 4 * PATIENCE)
    end_clean(deployment)
    with deployment.connect("sluicectl") as database:
        read, = database.execute("SELECT sum(records_read) FROM sluice.ledger WHERE pipeline = 'telemetry'").fetchone()
    assert read >= RECORDS


def test_scales_out_and_in(deployment, load):
    deployment.wait_landed_more(5000)
    deployment.up(*STAGES, scale=dict.fromkeys(STAGES, 3))
    deployment.wait_targets(ingest_validator=3, qc=3, storage_writer=3, producer_simulator=1)
    status = json.loads(deployment.sluicectl("-o", "json", "status").stdout)
    owned = {}
    for process in status:
        partitions = [one["partition"] for pipeline in process["pipelines"] for one in pipeline["partitions"]]
        owned.setdefault(process["service"], []).append(partitions)
    for stage in STAGES:
        assert [len(partitions) for partitions in owned[stage]] == [PARTITIONS // 3] * 3, owned
        assert sorted(sum(owned[stage], [])) == list(range(PARTITIONS)), owned
    deployment.wait_landed_more(10000)
    deployment.up(*STAGES, scale=dict.fromkeys(STAGES, 1))
    deployment.wait_targets(ingest_validator=1, qc=1, storage_writer=1, producer_simulator=1)
    deployment.wait_landed_more(10000)
    end_clean(deployment)


@pytest.mark.parametrize("victim", [*OURS, "kafka", "postgres"])
def test_survives_kill(deployment, load, victim):
    deployment.wait_landed_more(5000)
    deployment.kill(victim)
    assert not deployment.containers(victim)
    deployment.close()
    deployment.recover()
    deployment.wait_landed_more(5000)
    end_clean(deployment)


def test_garbage_and_refused_rows(deployment, load):
    """What README.md proposes to try: records that are none, and a constraint that PostgreSQL enforces and nobody agreed on."""
    owner = deployment.connect("sluice")
    corrupt = "SELECT count(*) FROM corrupt_records WHERE value_str = 'garbage'"
    with owner:
        owner.execute("ALTER TABLE device_data ADD CONSTRAINT slow_cars CHECK (speed_kmph < 140) NOT VALID")
        assert owner.execute(corrupt).fetchone() == (0,)
        deployment.compose("stop", "producer-simulator")  # its truth file knows nothing of what others send
        deployment.kafka.produce("raw_telemetry", [(partition, b"someone", b"garbage") for partition in range(PARTITIONS)])
        wait_until(lambda: owner.execute(corrupt).fetchone() == (PARTITIONS,), PATIENCE, "the garbage is in corrupt_records", 0.2)
        deployment.start_load()
        wait_until(lambda: owner.execute("SELECT count(*) FROM sluice.dead_letters").fetchone()[0] > 0, PATIENCE,
                   "a row was refused", 0.2)
        owner.execute("ALTER TABLE device_data DROP CONSTRAINT slow_cars")
    deployment.stop_load()
    # The truth file promises a clean row for what was refused; without it, each record still has exactly one outcome.
    assert "verified: each of" in deployment.sluicectl("verify", "--pipeline", "telemetry").stdout


def test_every_target_is_up(deployment):
    deployment.up()
    deployment.wait_targets(ingest_validator=1, qc=1, storage_writer=1, producer_simulator=1, prometheus=1)
    deployment.stop_load()


def test_alert_rules_are_loaded(deployment):
    groups = deployment.prometheus("rules")["groups"]
    loaded = [rule["name"] for group in groups for rule in group["rules"] if rule["type"] == "alerting"]
    written = re.findall(r"- alert: (\w+)", (ROOT / "deploy/prometheus/rules/alerts.yml").read_text())
    assert sorted(loaded) == sorted(written)
    broken = [rule for group in groups for rule in group["rules"] if rule["health"] not in ("ok", "unknown")]
    assert not broken


def test_down_and_up_keeps_everything(deployment):
    rows = "SELECT (SELECT count(*) FROM device_data), (SELECT count(*) FROM sluice.ledger), (SELECT sum(next_offset) FROM sluice.coverage)"
    before, ends = deployment.landing.query(rows), deployment.kafka.offsets("raw_telemetry")
    samples = deployment.prometheus("query", query="count_over_time(up{job='qc'}[6h])")["result"]
    assert samples
    deployment.down()
    assert not deployment.compose("ps", "--quiet").stdout
    deployment.up()
    deployment.compose("stop", "producer-simulator")
    deployment.landing.wait_all(PATIENCE)
    after = deployment.landing.query(rows)
    assert all(new >= old for new, old in zip(after[0], before[0])), (before, after)
    assert all(deployment.kafka.offsets("raw_telemetry")[partition] >= end for partition, end in ends.items())
    kept = deployment.prometheus("query", query="count_over_time(up{job='qc'}[6h])")["result"]
    assert sum(int(one["value"][1]) for one in kept) >= sum(int(one["value"][1]) for one in samples)
    assert "verified: each of" in deployment.sluicectl("verify", "--pipeline", "telemetry").stdout
