"""A contract with arrays of objects, through the whole chain: one column of JSON each."""

import csv
import decimal
import functools
import json

import psycopg
import psycopg.types.json
import pyarrow
import pyarrow.parquet
import pytest

from support import not_clean
from support.offline import find, outcomes
from support.stack import ROOT

FOLDER = ROOT / "tests/data/arrays_of_objects"
COLUMNS = ["order_id", "lines", "events", "customer_name", "customer_addresses"]
TYPES = ["bigint", "jsonb", "jsonb", "text", "jsonb"]
ODD_TEXTS = ["", "NULL", "null", "{}", "[{}]", '"', "\\", "\\N", "a,b", " a : b ", "'", "\n\t\x01", "Ünï", "日本", "🚗", "e\u0301", "\ufffe"]
# Numbers as they are written: PostgreSQL keeps all digits.
loads = functools.partial(json.loads, parse_float=decimal.Decimal, parse_int=decimal.Decimal)


@pytest.fixture
def pipeline_source():
    return FOLDER


def connect(url):
    database = psycopg.connect(url)
    psycopg.types.json.set_json_loads(loads, database)
    return database


def record(number, members):
    return b'{"order_id":%d,%s}' % (number, members.encode())


def line(more="", quantity=1):
    return f'{{"sku":"a","quantity":{quantity}{more}}}'


def lines(*items):
    return f'"lines":[{",".join(items)}]'


# What is sent; for the others also the summary of what is broken and what a rule looked at, or why it is corrupt.
CLEAN = [
    lines(line()),
    lines(line()) + ',"events":null,"customer":null',
    lines(line()) + ',"events":[],"customer":{"addresses":[]}',
    lines(line()) + ',"events":[null],"customer":{"addresses":[null,{},{"city":null}],"name":"A"}',
    lines('{"parts":[{"weights":[1.50,-0,1e-320,36893488147419103232],"sku":"p"},null,{"sku":""}],"product":{"opens":"14:22","id":-9223372036854775808},'
          '"tags":["x",null],"due":"2024-03-10","gift":false,"price":0.10000000000000000555,"quantity":65535,"sku":"b"}'),
    ' "lines" : [ { "sku" : "a b" ,\n"quantity":\t1 , "tags" : [ ] , "parts" : [ { "sku" : "p" } ] , "product" : null } ] ',
    lines(line(',"tags":' + json.dumps(ODD_TEXTS))),
    lines(line(',"tags":' + json.dumps(ODD_TEXTS, ensure_ascii=False))),
    lines(line(), line()) + ',"events":[{"at":"2024-03-10T09:00:00+01:00","kind":"paid"}],"customer":{"addresses":[{"street":"Via 1","city":"Rome"}]}',
    lines('{"quantity":2,"sku":"' + "x" * 200_000 + '"}'),
]
FAILED = [
    (lines(), "cardinality(lines) < 1", "lines", "[]"),
    (lines(*[line()] * 5), "cardinality(lines) > 4", "lines", "[" + ",".join([line()] * 5) + "]"),
    (lines(line()) + ',"events":[ {"kind" : "a\\u0062"},null]', "cardinality(events) > cardinality(lines)", None,
     'events = [{"kind":"a\\u0062"},null], lines = [{"sku":"a","quantity":1}]'),
]
CORRUPT = [
    ('"events":[]', "missing_field"),
    (lines("null"), "missing_field"),
    (lines('{"sku":"a"}'), "missing_field"),
    (lines(line(), '{"sku":null,"quantity":1}'), "missing_field"),
    (lines(line(',"product":{}')), "missing_field"),
    ('"lines":{"sku":"a","quantity":1}', "wrong_type"),
    (lines('"a"'), "wrong_type"),
    (lines("[]"), "wrong_type"),
    (lines(line(quantity="1.0")), "wrong_type"),
    (lines(line(',"parts":{}')), "wrong_type"),
    (lines(line(',"sku":"b"')), "duplicate_key"),
    (lines(line(',"other":1')), "unknown_field"),
    (lines(line(quantity=65536)), "number_out_of_range"),
    (lines(line()) + ',"events":[{"at":"soon"}]', "invalid_timestamp"),
    (lines(line(',"due":"2024-02-30"')), "invalid_date"),
    (lines(line()) + ',"customer":{"addresses":[{"city":"a\\u0000"}]}', "nul_character"),
]


def row_of(value):
    """The columns of a record, as Python reads it."""
    said = loads(value)
    customer = said.get("customer") or {}
    return [said["order_id"], said["lines"], said.get("events"), customer.get("name"), customer.get("addresses")]


def test_rows_of_arrays_of_objects(pipeline, chain, kafka, landing, sluicectl, database_url):
    pipeline.create(1)
    chain.start()
    members = [*CLEAN, *(case[0] for case in FAILED), *(case[0] for case in CORRUPT)]
    sent = [record(number, text) for number, text in enumerate(members)]
    kafka.produce(pipeline.source_topic, [(0, None, value) for value in sent])
    landing.wait_all()
    with connect(database_url) as database:
        declared = database.execute("SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
                                    "WHERE attrelid = 'arrays_of_objects_clean'::regclass AND attnum > 0 ORDER BY attnum").fetchall()
        assert declared[:len(COLUMNS)] == list(zip(COLUMNS, TYPES))
        for table, values in (("clean", sent[:len(CLEAN)]), ("failed", sent[len(CLEAN):len(CLEAN) + len(FAILED)])):
            rows = database.execute(f"SELECT {', '.join(COLUMNS)} FROM arrays_of_objects_{table} ORDER BY kafka_offset").fetchall()
            assert [list(row) for row in rows] == [row_of(value) for value in values]
        found = database.execute("SELECT order_id, sum((line->>'quantity')::integer) FROM arrays_of_objects_clean, jsonb_array_elements(lines) line "
                                 """WHERE lines @> '[{"product": {"id": -9223372036854775808}}]' GROUP BY order_id""").fetchall()
        assert found == [(4, 65535)]
        not_clean.expect(database, "arrays_of_objects", len(CLEAN), FAILED, CORRUPT, sent)
    explained = json.loads(sluicectl("explain", "--pipeline", pipeline, "--partition", 0, "--offset", 8, "-o", "json").stdout)
    shown = find(explained, "customer")
    assert shown["lines"] == [{"sku": "a", "quantity": 1}] * 2 and shown["events"] == [{"at": "2024-03-10T09:00:00+01:00", "kind": "paid"}]
    assert shown["customer"] == {"name": None, "addresses": "[redacted]"}
    sluicectl("verify", "--pipeline", pipeline)


def test_what_the_table_refuses_is_a_dead_letter(pipeline, chain, kafka, landing, sluicectl, database_url):
    """The table is the user's. What jsonb cannot hold, although a double can, is refused row by row, too."""
    pipeline.create(1)
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute("CREATE TABLE public.arrays_of_objects_clean (order_id bigint, lines jsonb CHECK (jsonb_array_length(lines) < 3), events json)")
    chain.start()
    members = [lines(line(), line()) + ',"events":[ {"kind" : "a" } , null ]', lines(line(), line(), line()),
               lines(line(f',"price":0.{"1" * 20_000}')), lines(line(quantity=7))]
    kafka.produce(pipeline.source_topic, [(0, None, record(number, more)) for number, more in enumerate(members)])
    landing.wait_all()
    with psycopg.connect(database_url) as database:
        assert database.execute("SELECT order_id, lines, events::text FROM public.arrays_of_objects_clean ORDER BY 1").fetchall() == [
            (0, [{"sku": "a", "quantity": 1}] * 2, '[{"kind":"a"},null]'), (3, [{"sku": "a", "quantity": 7}], None)]
        letters = database.execute("SELECT kafka_offset, record FROM sluice.dead_letters ORDER BY 1").fetchall()
        assert [offset for offset, _ in letters] == [1, 2]
        for offset, kept in letters:
            assert loads(kept)["lines"] == row_of(record(offset, members[offset]))[1]
        database.execute("ALTER TABLE public.arrays_of_objects_clean DROP CONSTRAINT arrays_of_objects_clean_lines_check")
    sluicectl("dead-letters", "replay", "--pipeline", pipeline, "--partition", 0, "--offset", 1)
    # The transaction leaves a control record behind its last one, at which no position ever arrives.
    landing.wait_all(ends={copy.partition: copy.offset + 1 for copy in kafka.read(pipeline.source_topic)})
    with psycopg.connect(database_url) as database:
        assert database.execute("SELECT lines FROM public.arrays_of_objects_clean WHERE order_id = 1").fetchall() == [([{"sku": "a", "quantity": 1}] * 3,)]


def test_a_sample_may_be_ndjson_csv_or_parquet(tmp_path):
    """The same objects as lines, as JSON in cells, and as structs in lists."""
    def some(number, items, events=None):
        none = {"sku": None, "quantity": None, "price": None, "tags": None}
        return {"order_id": number, "lines": items and [item and none | item for item in items], "events": events}

    good = {"sku": "a", "quantity": 1}
    records = [some(1, [good]), some(2, []), some(3, None), some(4, [good, {"sku": "b", "quantity": 2, "price": 0.5, "tags": ["x", None]}]),
               some(5, [{"sku": "a"}]), some(6, [good | {"quantity": 65536}]), some(7, [good], [{"kind": "a"}, None]), some(8, [good] * 5),
               some(9, [good, None])]
    (tmp_path / "sample.ndjson").write_text("".join(json.dumps(value) + "\n" for value in records))
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(records), tmp_path / "sample.parquet")
    with open(tmp_path / "sample.csv", "w", newline="", encoding="utf-8") as file:
        cells = csv.writer(file)
        cells.writerow(records[0])
        cells.writerows([[json.dumps(value) if isinstance(value, list) else value for value in row.values()] for row in records])
    expected = outcomes(FOLDER, tmp_path / "sample.ndjson", tmp_path)
    assert [verdict for verdict, _, _ in expected] == [
        "clean", "failed", "corrupt", "clean", "corrupt", "corrupt", "failed", "failed", "corrupt"]
    assert [expected[number][1:] for number in (2, 4, 5, 8)] == [
        ("missing_field", "lines"), ("missing_field", "lines.quantity"), ("number_out_of_range", "lines.quantity"), ("missing_field", "lines")]
    for name in ("sample.csv", "sample.parquet"):
        assert outcomes(FOLDER, tmp_path / name, tmp_path) == expected, name
