"""The offline tools of `sluicectl contract` against what really runs: same verdicts, same tables, same warnings."""

import collections
import json
import random
import re
import subprocess
import xml.etree.ElementTree

import psycopg
import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest

from support import services
from support.hostile import FOLDER, RAW_FAMILY, hostile_records
from support.hostile import TABLES as HOSTILE_TABLES
from support.oracle import Expected
from support.stack import ROOT
from support.telemetry import clean_record, clean_value, encode

TELEMETRY = ROOT / "pipelines/telemetry"


def offline(*arguments, expect=0):
    """sluicectl without any environment: no broker, no database."""
    done = subprocess.run([services.bin_dir() / "sluicectl", "contract", *map(str, arguments)], env={"TZ": "UTC"},
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == expect, f"contract {arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def verdicts(pipeline, sample, folder, *flags, expect=1):
    """`contract test --records`: an Expected per record, in the order of the sample."""
    path = folder / "records.ndjson"
    offline("test", pipeline, "--sample", sample, "--records", path, *flags, expect=expect)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [Expected(line["verdict"], line["reason"], tuple(sorted(line["failed_rules"]))) for line in lines]


def judged_offline(pipeline, records, folder):
    """(partition, offset) -> Expected by `contract test`, of every record that a line of NDJSON can hold.

    A sample has no keys and Kafka timestamps of its own: what is corrupt for those is left out.
    """
    def fits(record):
        value, key = record.value, record.key or b""
        return (value and b"\n" not in value and not value.endswith(b"\r") and len(key) <= 4096
                and 0 <= record.timestamp_ms < 253402300800000)

    held = [record for record in records if fits(record)]
    sample = folder / "sample.ndjson"
    sample.write_bytes(b"".join(record.value + b"\n" for record in held))
    outcomes = verdicts(pipeline, sample, folder)
    assert len(outcomes) == len(held)
    truth = {(record.partition, record.offset): Expected() for record in records}
    return truth | {(record.partition, record.offset): outcome for record, outcome in zip(held, outcomes)}, len(held)


def test_offline_and_running_services_agree_on_the_simulators_records(pipeline, chain, kafka, simulator, landing, judge, tmp_path):
    """The oracle holds the tables against what `contract test` says about the bytes in Kafka."""
    pipeline.create(2, **{"max.message.bytes": "16000000"})
    chain.start()
    labels = re.findall(r'^  "?([a-z0-9_]+)"?:', (pipeline.folder / "simulator.yaml").read_text().split("\nfaults:")[1], re.M)
    shares = [part for label in labels for part in ("--fault", f"{label}={'0.1%' if label == 'oversize' else '1%'}")]
    simulator(10_000, *shares, seed=29).finish()
    landing.wait_all()
    truth, held = judged_offline(pipeline, list(kafka.read(pipeline.source_topic)), tmp_path)
    assert held > 9_000
    assert {outcome.verdict for outcome in truth.values()} >= {"clean", "failed", "corrupt"}
    assert len({outcome.reason for outcome in truth.values()}) > 5
    judge(truth)


class TestHostileRecords:
    @pytest.fixture
    def pipeline_source(self):
        return FOLDER

    def test_offline_and_running_services_agree(self, pipeline, chain, kafka, landing, judge, tmp_path):
        pipeline.create(1, **{"max.message.bytes": "16000000"})
        chain.start()
        sent = [record for record in hostile_records()
                if record.family != RAW_FAMILY and record.key is None and record.timestamp is None and not record.headers]
        kafka.produce(pipeline.source_topic, [(0, None, record.value) for record in sent])
        landing.wait_all()
        truth, held = judged_offline(pipeline, list(kafka.read(pipeline.source_topic)), tmp_path)
        assert held > 0.95 * len(sent)
        judge(truth, tables=HOSTILE_TABLES)


def nested_value(chance, number):
    """A record of tests/data/nested, often a good one."""
    odd = ["null", "-0", "1e999", "100000000000000000000", "1e-400", "5.0", '"x"', "true", "{}", "[]", '{"city":"x"}', '"2024-03-10"', "32768"]

    def some(*good):
        return chance.choice(good if chance.random() < 0.97 else odd)

    def obj(**members):
        there = [(name, value) for name, value in members.items() if chance.random() < 0.95]
        chance.shuffle(there)
        if there and chance.random() < 0.01:
            there.append(chance.choice(there))
        if chance.random() < 0.01:
            there.append(("other", some("1", "1e999")))
        return "{" + ",".join(f'"{name}":{value}' for name, value in there) + "}"

    position = obj(latitude=some("-0", "1.5", "90", "100000000000000000000", "null", "-0.0"), longitude=some("-0", "36893488147419103232", "1e-320"))
    address = obj(city=some('"Rome"', '""'), floor=some("-0", "1", "-5", "-6"), position=some(position, position, "null"))
    customer = obj(name=some('"A"', '"B"', '"a name that is too long"'), address=some(address, address, address, "null"))
    meta = obj(at=some('"2024-03-10T08:00:00Z"', '"2024-03-10 09:00:00+01:00"', "null"), day=some('"2024-03-10"', '"2024-03-10"', '"2024-03-11"'),
               test=some("true", "false"))
    return obj(order_id=some(str(number)), customer=some(customer), meta=some(meta, meta, "null"), total=some("-0", "0.5", "1e20", "-1")).encode()


@pytest.fixture
def land_and_judge(pipeline, chain, kafka, landing, tmp_path):
    """Produces values, without keys, waits until they have landed, and returns what `contract test` says of them; it says all sorts."""
    def go(values):
        pipeline.create(2)
        chain.start()
        kafka.produce(pipeline.source_topic, [(number % 2, None, value) for number, value in enumerate(values)])
        landing.wait_all()
        truth, held = judged_offline(pipeline, list(kafka.read(pipeline.source_topic)), tmp_path)
        assert held == len(values)
        verdicts = collections.Counter(outcome.verdict for outcome in truth.values())
        assert min(verdicts[verdict] for verdict in ("clean", "failed", "corrupt")) > 300, verdicts
        assert len({outcome.reason for outcome in truth.values()}) > 5
        return truth
    return go


class TestNestedRecords:
    @pytest.fixture
    def pipeline_source(self):
        return ROOT / "tests/data/nested"

    def test_offline_and_running_services_agree(self, pipeline, land_and_judge, judge, sluicectl):
        chance = random.Random(31)
        truth = land_and_judge([nested_value(chance, number) for number in range(4000)])
        judge(truth, tables={"clean": "nested_clean", "failed": "nested_failed", "corrupt": "nested_corrupt"},
              names={"lon": "customer_address_position_longitude"})
        sluicectl("verify", "--pipeline", pipeline)


def array_value(chance, number):
    """A record of tests/data/arrays, often a good one."""
    odd = ["1", "-0", "1e999", "100000000000000000000", "1e-400", "5.0", '"x"', "true", "{}", "[]", "[1]", '"\\u0000"', '"2024-03-10"', "null", "128"]

    def array(*items, most=3):
        if chance.random() < 0.02:
            return chance.choice(odd)
        count = chance.randrange(60) if chance.random() < 0.05 else chance.randint(0, most)
        return "[" + ",".join(chance.choice(items if chance.random() < 0.995 else odd) for _ in range(count)) + "]"

    def obj(**members):
        there = [(name, value) for name, value in members.items() if chance.random() < 0.95]
        chance.shuffle(there)
        return "{" + ",".join(f'"{name}":{value}' for name, value in there) + "}"

    texts = ['"a"', '""', '"NULL"', '"{}"', r'"\"\\,{}"', '"Ünï 🚗"', r'"\n\u0001"', "null"]
    mails = array('"a@example.com"', "null", most=1)
    customer = obj(mails=mails, scores=array("-0", "32767", "null", most=1))
    codes = "[" + ",".join(f'"{code}"' for code in chance.sample("abcdefgh", chance.choice((1, 1, 2, 3, 3, 4)))) + "]"
    members = {
        "tags": array(*texts), "counts": array("-0", "9223372036854775807", "-9223372036854775808", "null"),
        "small": array(*map(str, range(-128, 128)), most=5), "weights": array("-0", "0.1", "1e20", "36893488147419103232", "5e-324", "-1.5", "null", "3", "4", "5"),
        "flags": array("true", "false", "null"), "days": array('"2024-03-10"', '"0001-01-01"', '"9999-12-31"', "null"),
        "times": array('"2024-03-10T08:00:00.123456Z"', '"2024-03-10 09:00:00+01:00"', "null"), "clocks": array('"14:22"', '"23:59:59.999999"', "null"),
        "customer": chance.choice((customer, customer, "null"))}
    record = {"order_id": str(number), "codes": codes if chance.random() < 0.98 else array('"x"', '"y"', "null")}
    return ("{" + ",".join(f'"{name}":{value}' for name, value in record.items()) + "," + obj(**members)[1:]).replace(",}", "}").encode()


class TestArrayRecords:
    @pytest.fixture
    def pipeline_source(self):
        return ROOT / "tests/data/arrays"

    def test_offline_and_running_services_agree(self, pipeline, land_and_judge, judge, sluicectl):
        chance = random.Random(37)
        truth = land_and_judge([array_value(chance, number) for number in range(4000)])
        assert len({outcome.rules for outcome in truth.values()}) > 5
        judge(truth, tables={"clean": "arrays_clean", "failed": "arrays_failed", "corrupt": "arrays_corrupt"})
        sluicectl("verify", "--pipeline", pipeline)


def array_of_objects_value(chance, number):
    """A record of tests/data/arrays_of_objects, often a good one, with white space here and there."""
    odd = ["1", "-0", "1e999", "100000000000000000000", "1e-400", "5.0", '"x"', "true", "{}", "[]", "[1]", '[{"sku":"a"}]', '"\\u0000"', '"2024-03-10"', "null", "65536"]

    def space():
        return chance.choice(("", "", "", " ", "\t \r"))

    def array(item, most=2):
        if chance.random() < 0.005:
            return chance.choice(odd)
        items = [item() if chance.random() < 0.997 else chance.choice(odd) for _ in range(chance.randint(0, most))]
        return "[" + space() + ("," + space()).join(items) + "]"

    def obj(needed=(), **members):
        there = [(name, value) for name, value in members.items() if chance.random() < (0.998 if name in needed else 0.6)]
        if chance.random() < 0.002:
            there.append((chance.choice(("other", *members)), chance.choice(odd)))
        chance.shuffle(there)
        values = [f'"{name}"{space()}:{space()}{value if chance.random() < 0.999 else chance.choice(odd)}' for name, value in there]
        return "{" + space() + ("," + space()).join(values) + space() + "}"

    def number_text():
        return chance.choice(("-0", "0.10", "1E+2", "36893488147419103232", "5e-324", "-1.5", "3", "null"))

    def text():
        return chance.choice(('"a"', '""', '"NULL"', r'"\"\\,{} : [] "', '"Ünï 🚗"', r'"\n\u0001\/"'))

    def part():
        return obj(("sku",), sku=text(), weights=array(lambda: chance.choice(("-0.0", "1.50", "100000000000000000000"))))

    def line():
        return obj(("sku", "quantity"), sku=text(), quantity=str(chance.choice((0, 1, 65535))), price=number_text(), gift=chance.choice(("true", "false", "null")),
                   due=chance.choice(('"2024-03-10"', "null")), tags=array(lambda: chance.choice((text(), "null"))),
                   product=chance.choice((obj(("id",), id="-9223372036854775808", opens='"14:22"'), "null")), parts=array(lambda: chance.choice((part(), part(), "null"))))

    def event():
        return chance.choice((obj(kind=text(), at='"2024-03-10T08:00:00.123456Z"'), "null"))

    def address():
        return obj(city=text(), street=text())

    customer = obj(name=text(), addresses=array(address))
    lines = "[" + ",".join(line() for _ in range(chance.choice((1, 1, 2, 3, 4, 4, 5)))) + "]"
    return obj(("order_id", "lines"), order_id=str(number), lines=lines, events=array(event), customer=chance.choice((customer, "null"))).encode()


class TestArraysOfObjects:
    @pytest.fixture
    def pipeline_source(self):
        return ROOT / "tests/data/arrays_of_objects"

    def test_offline_and_running_services_agree(self, pipeline, land_and_judge, judge, sluicectl):
        chance = random.Random(41)
        truth = land_and_judge([array_of_objects_value(chance, number) for number in range(4000)])
        counts = collections.Counter(outcome.verdict for outcome in truth.values())
        assert min(counts["clean"], counts["failed"], counts["corrupt"]) > 200, counts
        assert len({outcome.reason for outcome in truth.values()}) > 5
        judge(truth, tables={role: f"arrays_of_objects_{role}" for role in ("clean", "failed", "corrupt")})
        sluicectl("verify", "--pipeline", pipeline)


def telemetry_records():
    changes = [{}] * 50 + [{"fuel_level": None}, {"speed_kmph": 300.5}, {"latitude": 0.0, "longitude": 0.0}, {"car_id": ""},
                           {"event_timestamp": "2024-03-12T08:00:01Z"}, {"engine_temp_c": -40.5}]
    return [clean_record(number, **change) for number, change in enumerate(changes)]


def test_a_sample_may_be_ndjson_csv_or_parquet(tmp_path):
    """Files as pyarrow writes them are judged like the same records as JSON."""
    records = telemetry_records()
    (tmp_path / "sample.ndjson").write_bytes(b"".join(encode(record) + b"\n" for record in records))
    table = pyarrow.Table.from_pylist(records)
    pyarrow.csv.write_csv(table, tmp_path / "sample.csv")
    pyarrow.parquet.write_table(table, tmp_path / "sample.parquet", row_group_size=7)
    typed = table.set_column(table.schema.get_field_index("event_timestamp"), "event_timestamp",
                             table["event_timestamp"].cast(pyarrow.timestamp("ms", "UTC")))
    pyarrow.parquet.write_table(typed, tmp_path / "typed.parquet", compression="none")
    expected = verdicts(TELEMETRY, tmp_path / "sample.ndjson", tmp_path)
    assert {outcome.verdict for outcome in expected} == {"clean", "failed"}
    for name in ("sample.csv", "sample.parquet", "typed.parquet"):
        assert verdicts(TELEMETRY, tmp_path / name, tmp_path) == expected, name


def test_results_for_ci(tmp_path):
    sample = tmp_path / "sample.ndjson"
    sample.write_bytes(b"".join(encode(record) + b"\n" for record in telemetry_records()) + b"\x00\xff<&>\n")
    report = json.loads(offline("test", TELEMETRY, "--sample", sample, "--junit", tmp_path / "junit.xml", "-o", "json", expect=1))
    suite = xml.etree.ElementTree.parse(tmp_path / "junit.xml").getroot()
    failed = {case.get("name") for case in suite if case.find("failure") is not None}
    # The one that only warns has failed for a record, and is no failure.
    assert {rule["rule"] for rule in report["rules"] if rule["failed"]} - failed == {"trip_within_two_days"}
    assert failed - {rule["rule"] for rule in report["rules"]} == {"records of the contract"}
    assert int(suite.get("failures")) == len(failed) and int(suite.get("tests")) == len(report["rules"]) + len(report["metrics"]) + 1
    assert report["records"] == 57 and report["verdicts"]["corrupt"] == 1


@pytest.mark.parametrize("form", ["ndjson", "csv", "parquet"])
def test_what_is_inferred_fits_its_sample(form, tmp_path):
    sample = tmp_path / f"trips.{form}"
    records = [clean_record(number) for number in range(500)]
    table = pyarrow.Table.from_pylist(records)
    if form == "ndjson":
        sample.write_bytes(b"".join(encode(record) + b"\n" for record in records))
    elif form == "csv":
        pyarrow.csv.write_csv(table, sample)
    else:
        pyarrow.parquet.write_table(table, sample)
    contract = tmp_path / "contract.odcs.yaml"
    contract.write_text(offline("infer", sample))
    assert offline("lint", contract, "--fail-on", "warning") == "nothing found\n"
    assert {outcome.verdict for outcome in verdicts(contract, sample, tmp_path, expect=0)} == {"clean"}
    assert "CREATE TABLE" in offline("ddl", contract)


def catalog(url):
    """Tables, columns, comments, indexes and views of the schema public."""
    with psycopg.connect(url) as database:
        columns = database.execute(
            "SELECT c.relname, c.relkind::text, pg_get_partkeydef(c.oid), a.attname, format_type(a.atttypid, a.atttypmod), "
            "a.attnotnull, col_description(c.oid, a.attnum) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
            "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND a.attnum > 0 "
            "ORDER BY c.relname, a.attnum").fetchall()
        indexes = database.execute("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexdef").fetchall()
        views = database.execute("SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'").fetchall()
        comments = database.execute("SELECT relname, obj_description(oid, 'pg_class') FROM pg_class WHERE relkind IN ('r', 'p') "
                                    "AND relnamespace = 'public'::regnamespace ORDER BY relname").fetchall()
    return columns, indexes, views, comments


def test_ddl_is_what_the_writer_makes(pipeline, chain, kafka, landing, sluicectl, stack, database_url):
    pipeline.create(1)
    chain.start()
    # Nothing in it: a row makes its partition, which is no part of the contract.
    kafka.produce(pipeline.source_topic, [(0, None, b"{")])
    landing.wait_all()
    other = f"{pipeline.name}-ddl".replace("-", "_")
    stack.postgres.create_database(other)
    try:
        sluicectl("migrate", "--database-url", stack.postgres.url(other))
        with psycopg.connect(stack.postgres.url(other)) as database:
            database.execute(offline("ddl", pipeline))
        made, printed = catalog(database_url), catalog(stack.postgres.url(other))
    finally:
        stack.postgres.drop_database(other)
    assert len(made[0]) > 50 and made == printed


def test_a_reload_says_how_compatible_it_is(pipeline, chain, kafka, landing, sluicectl):
    pipeline.create(1)
    chain.start()
    kafka.produce(pipeline.source_topic, [(0, None, clean_value(1))])
    landing.wait_all()
    validator = chain.of("ingest-validator")[0]
    path, old = pipeline.folder / "contract.odcs.yaml", pipeline.folder / "old.odcs.yaml"
    old.write_text(path.read_text())
    text = path.read_text().replace("version: 1.0.0", "version: 1.1.0", 1)
    path.write_text(text.replace("{minimum: 0, maximum: 250}", "{minimum: 0, maximum: 150}", 1))

    reload = ["--endpoint", validator.admin_address, "reload-contract", "--pipeline", pipeline]
    shown = sluicectl(*reload).stdout
    assert "forward" in shown and "speed_kmph <= 250 -> speed_kmph <= 150" in shown
    [logged] = [json.loads(line) for line in validator.log_tail(1000).splitlines() if "the contract was reloaded" in line]
    assert logged["compatibility"] == "forward" and "not backward" in logged["changes"]
    # The same comparison as without services.
    diff = json.loads(offline("diff", old, path, "-o", "json"))
    assert diff["compatibility"] == "forward" and [change["change"] for change in diff["changes"]] == [
        "rule speed_kmph_maximum: speed_kmph <= 250 -> speed_kmph <= 150"]

    [again] = json.loads(sluicectl(*reload, "-o", "json").stdout)
    assert again["compatibility"] == "full" and again["changes"] == [] and again["version"] == "1.1.0"

    # So does a start with a file that is newer than what the log holds in force.
    validator.kill()
    path.write_text(text.replace("version: 1.1.0", "version: 1.2.0", 1))
    validator.start()
    kafka.produce(pipeline.source_topic, [(0, None, clean_value(2))])
    landing.wait_all()
    [logged] = [json.loads(line) for line in validator.log_tail(1000).splitlines() if "a newer contract comes into force" in line]
    assert (logged["previous_version"], logged["version"]) == ("1.1.0", "1.2.0")
    assert logged["compatibility"] == "backward" and "speed_kmph <= 150 -> speed_kmph <= 250" in logged["changes"]
