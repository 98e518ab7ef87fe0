"""A contract with objects in objects, through the whole chain: rows, verdicts, tools."""

import csv
import datetime
import json
import struct

import psycopg
import pyarrow
import pyarrow.parquet
import pytest

from support.offline import find, outcomes
from support.stack import ROOT

FOLDER = ROOT / "tests/data/nested"
COLUMNS = ["order_id", "customer_name", "customer_address_city", "customer_address_floor",
           "customer_address_position_latitude", "lon", "meta_at", "meta_day", "meta_test", "total"]
AT = datetime.datetime(2024, 3, 10, 8, 0, tzinfo=datetime.timezone.utc)
DAY = datetime.date(2024, 3, 10)


@pytest.fixture
def pipeline_source():
    return FOLDER


def bits(value):
    return struct.pack("d", value) if isinstance(value, float) else value


# What is sent, then the columns of a row, or the summary of what is broken, or why it is corrupt.
WHOLE = (b'{"order_id":1,"customer":{"name":"A","address":{"city":"Rome","floor":-0,"position":{"latitude":-0,"longitude":1e-320}}},'
         b'"meta":{"at":"2024-03-10T09:00:00+01:00","day":"2024-03-10","test":true},"total":100000000000000000000}')
CLEAN = [
    (WHOLE, [1, "A", "Rome", 0, -0.0, 1e-320, AT, DAY, True, 1e20]),
    (b'{"total":0.5,"meta":{"day":"2024-03-10"},"customer":{"address":null,"name":"B"},"order_id":2}',
     [2, "B", None, None, None, None, None, DAY, None, 0.5]),
    (b'{"order_id":3,"customer":{"name":"C","address":{"position":{"longitude":36893488147419103232,"latitude":-0.0},"city":""}}}',
     [3, "C", "", None, -0.0, 36893488147419103232.0, None, None, None, None]),
]
FAILED = [
    (b'{"order_id":4,"customer":{"name":"D","address":{"city":"x","position":{"latitude":90.5}}}}',
     "customer.address.position.latitude > 90"),
    (b'{"order_id":5,"customer":{"name":"EEEEEEEEEEEEEEEEEEEEE"}}', "length(customer.name) > 20"),
    (b'{"order_id":6,"customer":{"name":"F","address":{"city":"x","position":{"latitude":1}}},"meta":{"at":"2024-03-10T08:00:00Z",'
     b'"day":"2024-03-11"},"total":0}', "date(meta.at) != meta.day"),
]
CORRUPT = [
    (b'{"order_id":7}', "missing_field"),
    (b'{"order_id":8,"customer":{"name":"G","address":{"floor":1}}}', "missing_field"),
    (b'{"order_id":9,"customer":{"name":"H","address":"Rome"}}', "wrong_type"),
    (b'{"order_id":10,"customer":{"name":"I","address":{"city":"x","city":"y"}}}', "duplicate_key"),
    (b'{"order_id":11,"customer":{"name":"J","address":{"city":"x","zip":"1"}}}', "unknown_field"),
    (b'{"order_id":12,"customer":{"name":"K","address":{"city":"x","floor":32768}}}', "number_out_of_range"),
    (b'{"order_id":13,"customer":{"name":{"first":"L"}}}', "wrong_type"),
    (b'{"order_id":14,"customer":{"name":"M"},"meta":{"day":"2024-02-30"}}', "invalid_date"),
]


def test_rows_of_objects(pipeline, chain, kafka, landing, sluicectl, database_url):
    pipeline.create(1)
    chain.start()
    sent = [record[0] for record in CLEAN + FAILED + CORRUPT]
    kafka.produce(pipeline.source_topic, [(0, None, value) for value in sent])
    landing.wait_all()
    with psycopg.connect(database_url) as database:
        rows = database.execute(f"SELECT {', '.join(COLUMNS)} FROM nested_clean ORDER BY kafka_offset", binary=True).fetchall()
        assert [[bits(value) for value in row] for row in rows] == [[bits(value) for value in row] for _, row in CLEAN]
        names = [name for name, in database.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'nested_clean'::regclass AND attnum > 0 ORDER BY attnum")]
        assert names[:len(COLUMNS)] == COLUMNS
        failed = database.execute("SELECT order_id, qc_summary FROM nested_failed ORDER BY kafka_offset").fetchall()
        assert failed == [(4 + number, summary) for number, (_, summary) in enumerate(FAILED)]
        corrupt = database.execute("SELECT raw, error_reason FROM nested_corrupt ORDER BY kafka_offset").fetchall()
        assert corrupt == [(value, reason) for value, reason in CORRUPT]
        cells = database.execute("SELECT column_name, offending_value, reason FROM sluice.cell_failures WHERE kafka_offset = %s",
                                 [len(CLEAN)]).fetchall()
        assert cells == [("customer.address.position.latitude", "90.5", "customer.address.position.latitude > 90")]
        audited = database.execute("SELECT order_id, column_name, passed FROM nested_audit WHERE order_id = 4 AND NOT passed").fetchall()
        assert audited == [(4, "customer.address.position.latitude", False)]
        assert "meta_day" in database.execute("SELECT pg_get_partkeydef('nested_clean'::regclass)").fetchone()[0]
    explained = sluicectl("explain", "--pipeline", pipeline, "--partition", 0, "--offset", 0, "-o", "json").stdout
    record = json.loads(WHOLE)
    record["meta"]["at"] = "2024-03-10T08:00:00Z"
    shown = find(json.loads(explained), "customer")
    assert shown["order_id"] == 1 and shown["customer"]["address"]["position"]["longitude"] == 1e-320
    assert shown["meta"] == record["meta"]
    sluicectl("verify", "--pipeline", pipeline)


def test_a_sample_may_be_ndjson_csv_or_parquet(tmp_path):
    """The same objects as lines, as columns with paths for names, and as structs."""
    def record(number, name="A", city="Rome", floor=None, latitude=None, address=True, day="2024-03-10"):
        there = {"city": city, "floor": floor, "position": None if latitude is None else {"latitude": latitude}}
        return {"order_id": number, "customer": {"name": name, "address": there if address else None},
                "meta": {"day": day, "test": True}, "total": 1.5}

    records = [record(1), record(2, address=False), record(3, city=None, floor=1), record(4, latitude=90.5), record(5, name=None),
               record(6, floor=-6), record(7, day="soon"), record(8, latitude=-0.0, floor=3), record(9, floor=40000)]
    (tmp_path / "sample.ndjson").write_text("".join(json.dumps(record) + "\n" for record in records))
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(records), tmp_path / "sample.parquet")
    with open(tmp_path / "sample.csv", "w", newline="", encoding="utf-8") as file:
        names = ["customer.address.position.latitude", "order_id", "customer.name", "customer.address.city", "customer.address.floor",
                 "meta.day", "meta.test", "total"]
        lines = csv.writer(file)
        lines.writerow(names)
        lines.writerows([[member(record, name) for name in names] for record in records])
    expected = outcomes(FOLDER, tmp_path / "sample.ndjson", tmp_path)
    assert [verdict for verdict, _, _ in expected] == [
        "clean", "clean", "corrupt", "failed", "corrupt", "failed", "corrupt", "clean", "corrupt"]
    assert expected[2][1:] == ("missing_field", "customer.address.city")
    for name in ("sample.csv", "sample.parquet"):
        assert outcomes(FOLDER, tmp_path / name, tmp_path) == expected, name


def member(record, path):
    for name in path.split("."):
        record = record and record.get(name)
    return record
