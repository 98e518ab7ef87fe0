"""`sluicectl contract shadow`: what it says would differ is what differs when the candidate really runs."""

import collections
import json
import os
import signal
import subprocess

import psycopg
import psycopg.rows
import pytest

from support.admin import Admin
from support.kafka import parse_coverage
from support.landing import Landing
from support.oracle import TABLES
from support.pipeline import changed, copy_pipeline
from support.process import wait_until
from support.services import Chain, bin_dir
from support.telemetry import clean_value

STRICTER = [("version: 1.0.0", "version: 1.1.0"), ("{minimum: 0, maximum: 250}", "{minimum: 0, maximum: 120}")]
# Rules become stricter, looser, go and come; what failed becomes corrupt.
CANDIDATE = [("version: 1.0.0", "version: 2.0.0"), ("{minimum: 0, maximum: 250}", "{minimum: 0, maximum: 90}"),
             ("{minimum: -180, maximum: 180}", "{minimum: -180, maximum: 360}"),
             ("        description: Degrees north", "        required: true\n        description: Degrees north"),
             ("{minimum: 0, maximum: 100}", "{exclusiveMinimum: 0}")]
FAULTS = ["--fault", "null=5%", "--fault", "out_of_range=5%"]


def reload(pipeline, chain, changes):
    pipeline.edit_contract(*changes)
    with Admin(chain.of("ingest-validator")[0].admin_address) as admin:
        return admin.call("ReloadContract")["version"]


@pytest.fixture
def candidate(pipeline, tmp_path):
    path = tmp_path / "candidate.odcs.yaml"
    path.write_text(changed(pipeline.contract.read_text(), *CANDIDATE))
    return path


@pytest.fixture
def really_run(pipeline, candidate, kafka, stack, tmp_path):
    """Outcomes of a second pipeline over the same topic with the candidate as its contract."""
    started = []

    def run():
        other = copy_pipeline(pipeline.folder, tmp_path / "other")
        other.edit(r"(\btopic:\s*)[\w.-]+", rf"\g<1>{pipeline.source_topic}")
        other.source_topic = pipeline.source_topic
        other.contract.write_bytes(candidate.read_bytes())
        database = f"other_{other.name.replace('-', '_')}"
        stack.postgres.create_database(database)
        url = stack.postgres.url(database)
        chain, landing = Chain(other, stack, tmp_path / "other-services", url), Landing(kafka, other, url)
        started.append((other, chain, landing, database))
        subprocess.run([bin_dir() / "sluicectl", "migrate", "--database-url", url], check=True, capture_output=True)
        chain.start()
        landing.wait_all()
        return outcomes(url)

    yield run
    for other, chain, landing, database in started:
        chain.stop()
        landing.close()
        stack.postgres.drop_database(database)
        kafka.delete_topics(other.internal_topic("validated"), other.internal_topic("checked"))


def outcomes(url):
    """(partition, offset) -> (verdict, reason, broken rules) of each record that has a row."""
    found = {}
    with psycopg.connect(url, row_factory=psycopg.rows.dict_row) as database:
        names = {(row["contract_id"], row["rule_index"]): row["rule_id"] for row in database.execute(
            "SELECT contract_id, rule_index, rule_id FROM sluice.contract_rules")}
        for verdict in ("clean", "failed"):
            for row in database.execute(f"SELECT kafka_partition, kafka_offset, contract_id, failed_rules FROM {TABLES[verdict]}"):
                bits = row["failed_rules"] or b""
                rules = {names[row["contract_id"], bit] for bit in range(8 * len(bits)) if bits[bit // 8] >> bit % 8 & 1}
                found[row["kafka_partition"], row["kafka_offset"]] = (verdict, None, frozenset(rules))
        for row in database.execute(f"SELECT kafka_partition, kafka_offset, error_reason FROM {TABLES['corrupt']}"):
            found[row["kafka_partition"], row["kafka_offset"]] = ("corrupt", row["error_reason"], frozenset())
    return found


def expect(report, live, candidate):
    """The report is about exactly the records of its ranges, and each of its counts is that of the two runs."""
    ranges = {entry["partition"]: range(entry["first"], entry["next"]) for entry in report["partitions"]}
    where = [at for at in live.keys() | candidate.keys() if at[1] in ranges.get(at[0], ())]
    nothing = ("tombstone", None, frozenset())  # the only records without a row here
    pairs = [(live.get(at, nothing), candidate.get(at, nothing)) for at in where]
    verdicts = collections.Counter((before[0], after[0]) for before, after in pairs)
    said = {(entry["live"], entry["candidate"]): entry["records"] for entry in report["verdicts"]}
    said.pop(("tombstone", "tombstone"), None)
    assert said == verdicts
    assert report["differing"] == sum(count for (before, after), count in verdicts.items() if before != after)
    shifts = {entry["rule"]: entry for entry in report["rules"]} | {entry["reason"]: entry for entry in report["corrupt"]}
    kinds = {kind for pair in pairs for side in pair for kind in (*side[2], *filter(None, [side[1]]))}
    assert kinds <= shifts.keys()
    for kind, shift in shifts.items():
        holds = [tuple(kind in side[2] or kind == side[1] for side in pair) for pair in pairs]
        counted = (shift["live"], shift["candidate"], shift["newly"], shift["no_longer"])
        assert counted == (sum(before for before, _ in holds), sum(after for _, after in holds),
                           sum(after and not before for before, after in holds),
                           sum(before and not after for before, after in holds)), kind
        for direction, (one, other) in (("newly", (candidate, live)), ("no_longer", (live, candidate))):
            assert len(shift[f"{direction}_examples"]) == min(3, shift[direction]), kind
            for example in shift[f"{direction}_examples"]:
                at = example["partition"], example["offset"]
                assert kind in one[at][2] or kind == one[at][1], (kind, at)
                assert not (kind in other[at][2] or kind == other[at][1]), (kind, at)
    return shifts


def test_a_past_range_that_spans_a_reload(pipeline, chain, kafka, landing, simulator, sluicectl, candidate, really_run, database_url):
    pipeline.create(2)
    chain.start()
    simulator(6_000, *FAULTS, seed=3).finish()
    landing.wait_all()
    assert reload(pipeline, chain, STRICTER) == "1.1.0"
    middle = kafka.offsets(pipeline.source_topic)
    simulator(6_000, *FAULTS, seed=4, name="simulator-2").finish()
    landing.wait_all()
    live = outcomes(database_url)

    def shadow(*flags, expect=1):
        return json.loads(sluicectl("contract", "shadow", candidate, "--pipeline", pipeline, "-o", "json", *flags, expect=expect).stdout)

    whole = shadow("--from", 0)
    part = shadow("--partition", 0, "--from", middle[0][1] - 777, "--to", middle[0][1] + 555)
    last = shadow("--last", 100)
    assert outcomes(database_url) == live
    by_candidate = really_run()
    shifts = expect(whole, live, by_candidate)
    assert whole["records"] == sum(end for _, end in kafka.offsets(pipeline.source_topic).values())
    assert {entry["live"]: entry["records"] for entry in whole["live"]} == {
        "1.0.0": sum(end for _, end in middle.values()), "1.1.0": whole["records"] - sum(end for _, end in middle.values())}
    assert all(entry["compatibility"] == "none" and entry["reload_would_refuse"] is None for entry in whole["live"])
    assert shifts["speed_kmph_maximum"]["newly"] > 0 and shifts["missing_field"]["newly"] > 0
    assert shifts["latitude_null"]["no_longer"] > 0 and shifts["fuel_level_maximum"]["no_longer"] > 0
    expect(part, live, by_candidate)
    assert part["partitions"] == [{"partition": 0, "first": middle[0][1] - 777, "next": middle[0][1] + 555, "records": 777 + 555}]
    assert {entry["live"]: entry["records"] for entry in part["live"]} == {"1.0.0": 777, "1.1.0": 555}
    expect(last, live, by_candidate)
    assert [entry["records"] for entry in last["partitions"]] == [100, 100]
    # The contract in force in the second half, beside itself: nothing differs.
    candidate.write_bytes(pipeline.contract.read_bytes())
    same = shadow("--from", middle[1][1], "--partition", 1, expect=0)
    assert same["differing"] == 0 and same["records"] > 0
    sluicectl("verify", "--pipeline", pipeline)


METRICS = ("logicalTypeOptions: {minimum: 0, maximum: 100}\n        quality:\n",
           "logicalTypeOptions: {minimum: 0, maximum: 100}\n        quality:\n"
           "          - {id: nulls, metric: nullValues, mustBeLessThan: 9, unit: percent}\n"
           "          - {id: twice, metric: duplicateValues, mustBeLessThan: 50, unit: percent}\n")


@pytest.mark.parametrize("window", ["150 records", "5 seconds"])
def test_metrics_beside_those_that_have_landed(window, pipeline, chain, kafka, landing, simulator, sluicectl, tmp_path):
    """What the live contract's metrics are in past windows is what the tables have of them; the candidate asks for more."""
    pipeline.edit_contract(METRICS)
    pipeline.edit("^sinks:", f"quality: {{window: {window}}}\nsinks:")
    pipeline.edit("watermark_delay: .*", "watermark_delay: 20 seconds")
    pipeline.create(2)
    chain.start()
    simulator(6_000, *FAULTS, seed=6).finish()
    landing.wait_all()
    candidate = tmp_path / "candidate.odcs.yaml"
    candidate.write_text(changed(pipeline.contract.read_text(), ("version: 1.0.0", "version: 1.1.0"), ("mustBeLessThan: 9", "mustBeLessThan: 2")))
    report = json.loads(sluicectl("contract", "shadow", candidate, "--pipeline", pipeline, "-o", "json", "--from", 0).stdout)
    by_rule = {entry["rule"]: entry for entry in report["metrics"]}
    assert {"nulls", "twice"} < by_rule.keys()
    for rule, entry in by_rule.items():
        landed = landing.query("SELECT count(*), count(*) FILTER (WHERE NOT passed), min(value), max(value) FROM sluice.metric_results "
                               "WHERE rule_id = %s AND passed IS NOT NULL", [rule])
        live, new = entry["live"], entry["candidate"]
        assert landed == [(live["windows"], live["failed"], pytest.approx(live["lowest"]), pytest.approx(live["highest"]))]
        assert live["windows"] > 10
        assert (new["windows"], new["lowest"], new["highest"]) == (live["windows"], live["lowest"], live["highest"])
    nulls = by_rule["nulls"]
    assert nulls["candidate"]["threshold"] == "mustBeLessThan: 2 percent"
    assert nulls["live"]["failed"] < nulls["candidate"]["failed"] and len(nulls["candidate"]["examples"]) == 3
    assert by_rule["twice"]["candidate"]["failed"] == by_rule["twice"]["live"]["failed"]


def test_live_records_while_the_contract_is_reloaded(pipeline, chain, landing, simulator, stack, sluicectl, candidate, really_run,
                                                     database_url):
    pipeline.create(2)
    chain.start()
    load = simulator(None, *FAULTS, seed=5, rate=3_000)
    landing.wait_for(1_000)
    with subprocess.Popen([bin_dir() / "sluicectl", "contract", "shadow", candidate, "--pipeline", pipeline.folder, "-o", "json",
                           "--limit", "9000", "--seconds", "100", "--bootstrap-servers", stack.bootstrap_servers],
                          stdout=subprocess.PIPE, text=True) as shadow:
        landing.wait_for(landing.landed() + 5_000)
        reload(pipeline, chain, STRICTER)
        output, _ = shadow.communicate(timeout=120)
    load.finish_now()
    landing.wait_all()
    report = json.loads(output)
    assert shadow.returncode == 1 and report["records"] == 9_000
    assert sum(entry["records"] for entry in report["partitions"]) == 9_000
    expect(report, outcomes(database_url), really_run())
    sluicectl("verify", "--pipeline", pipeline)


def catches(pid, number):
    """Whether a process has taken a signal into its own hands."""
    with open(f"/proc/{pid}/status") as status:
        blocked = next(line for line in status if line.startswith("SigBlk"))
    return int(blocked.split()[1], 16) >> (number - 1) & 1


def test_an_interrupt_ends_it_with_the_report(pipeline, chain, kafka, landing, stack, candidate):
    pipeline.create(1)
    chain.start()
    kafka.produce(pipeline.source_topic, [(0, b"k", clean_value(number)) for number in range(10)])
    landing.wait_all()
    with subprocess.Popen([bin_dir() / "sluicectl", "contract", "shadow", candidate, "--pipeline", pipeline.folder, "-o", "json",
                           "--seconds", "0"], env={**os.environ, "SLUICE_BOOTSTRAP_SERVERS": stack.bootstrap_servers},
                          stdout=subprocess.PIPE, text=True) as shadow:
        wait_until(lambda: catches(shadow.pid, signal.SIGINT), 20, "it waits for signals")
        shadow.send_signal(signal.SIGINT)
        output, _ = shadow.communicate(timeout=30)
    assert shadow.returncode == 0
    assert json.loads(output)["records"] == 0


def test_what_it_cannot_tell_is_an_error(pipeline, chain, kafka, landing, sluicectl, candidate):
    pipeline.create(1)
    sluicectl("contract", "shadow", pipeline.folder / "pipeline.yaml", expect=2)
    sluicectl("contract", "shadow", candidate, "--pipeline", pipeline, "--last", 5, "--from", 1, expect=2)
    assert "validator" in sluicectl("contract", "shadow", candidate, "--pipeline", pipeline, "--from", 0, expect=1).stderr
    chain.start()
    for _ in range(2):
        kafka.produce(pipeline.source_topic, [(0, b"k", clean_value(number)) for number in range(100)])
        landing.wait_all()
    # The batches of the beginning expire; the records are still there.
    validated = pipeline.internal_topic("validated")
    first = next(batch.offset for batch in kafka.read(validated) if parse_coverage(batch.headers["sluice-coverage"]).first >= 100)
    kafka.delete_before(validated, {0: first})
    told = sluicectl("contract", "shadow", candidate, "--pipeline", pipeline, "--from", 0, expect=1)
    assert "accounts for [0, 100)" in told.stderr and "--from 100" in told.stderr
    report = sluicectl("contract", "shadow", candidate, "--pipeline", pipeline, "--from", 100, expect=None)
    assert "100 records judged by car-telemetry 2.0.0" in report.stdout
