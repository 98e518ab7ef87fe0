"""A contract with arrays of every type of scalar, through the whole chain: rows, verdicts, tools."""

import csv
import datetime
import json
import struct

import psycopg
import pyarrow
import pyarrow.parquet
import pytest

from support import not_clean
from support.offline import find, outcomes
from support.stack import ROOT

FOLDER = ROOT / "tests/data/arrays"
COLUMNS = ["order_id", "tags", "codes", "counts", "small", "weights", "flags", "days", "times", "clocks", "customer_mails", "customer_scores"]
TYPES = ["bigint", "text[]", "text[]", "bigint[]", "smallint[]", "double precision[]", "boolean[]", "date[]", "timestamp with time zone[]",
         "time without time zone[]", "text[]", "integer[]"]
AT = datetime.datetime(2024, 3, 10, 8, 0, tzinfo=datetime.timezone.utc)
ODD_TEXTS = ["", "NULL", "null", "{}", "{a,b}", '"', "\\", "\\N", "a,b", " a ", "'", "\n\t\x01", "Ünï", "日本", "🚗", "e\u0301", "\ufffe"]
MANY = [f"item {number}" for number in range(10_000)]


@pytest.fixture
def pipeline_source():
    return FOLDER


def bits(value):
    if isinstance(value, list):
        return [bits(item) for item in value]
    return struct.pack("d", value) if isinstance(value, float) else value


def record(number, members):
    return b'{"order_id":%d,%s}' % (number, members.encode())


# What is sent, then the columns of a row behind its number, or the summary of what is broken, or why it is corrupt.
NOTHING = [None] * 8
CLEAN = [
    ('"tags":["a",null,"b"],"codes":["x","y"],"counts":[-0,9223372036854775807,-9223372036854775808],"small":[-128,127],'
     '"weights":[0.1,-0,1e-320,36893488147419103232,null],"flags":[true,null,false],"days":["2024-03-10","0001-01-01"],'
     '"times":["2024-03-10T09:00:00+01:00",null],"clocks":["14:22","23:59:59.999999"],"customer":{"scores":[-0],"mails":["a@b.c"]}',
     [["a", None, "b"], ["x", "y"], [0, 2**63 - 1, -2**63], [-128, 127], [0.1, -0.0, 1e-320, 36893488147419103232.0, None],
      [True, None, False], [datetime.date(2024, 3, 10), datetime.date(1, 1, 1)], [AT, None],
      [datetime.time(14, 22), datetime.time(23, 59, 59, 999999)], ["a@b.c"], [0]]),
    ('"codes":["x"],"tags":[],"counts":[],"small":[],"weights":[],"flags":[],"days":[],"times":[],"clocks":[],"customer":{"mails":[],"scores":[]}',
     [[], ["x"], [], [], [], [], [], [], [], [], []]),
    ('"codes":["x"],"tags":null,"weights":null,"customer":null', [None, ["x"], *NOTHING, None]),
    ('"codes":["x"],"tags":[null],"flags":[null,null],"weights":[null]',
     [[None], ["x"], None, None, [None], [None, None], None, None, None, None, None]),
    (f'"codes":["x"],"tags":{json.dumps(ODD_TEXTS)}', [ODD_TEXTS, ["x"], *NOTHING, None]),
    (f'"codes":["x"],"tags":{json.dumps(ODD_TEXTS, ensure_ascii=False)}', [ODD_TEXTS, ["x"], *NOTHING, None]),
    (f'"codes":["x"],"tags":{json.dumps(MANY)}', [MANY, ["x"], *NOTHING, None]),
]
FAILED = [
    ('"codes":[]', "cardinality(codes) < 1", "codes", "[]"),
    ('"codes":["a","b","c","d"]', "cardinality(codes) > 3", "codes", '["a","b","c","d"]'),
    ('"codes":["a","b","a"]', "codes has an item twice", "codes", '["a","b","a"]'),
    ('"codes":["a","0123456789"]', "codes: length(item) > 9", "codes", '["a","0123456789"]'),
    ('"codes":["!","b"]', "codes: item does not match ^[^!]", "codes", '["!","b"]'),
    ('"codes":["a"],"small":[1,null,null]', "small has an item twice", "small", "[1,null,null]"),
    ('"codes":["a"],"weights":[1,2.5,1.0]', "weights has an item twice", "weights", "[1,2.5,1]"),
    (f'"codes":["a"],"tags":{json.dumps(MANY + ["more"])}', "cardinality(tags) > 10000", "tags", None),
    ('"codes":["a"],"customer":{"mails":["m"],"scores":[1,2]}', "cardinality(customer.scores) != cardinality(customer.mails)", None, None),
]
CORRUPT = [
    ('"tags":["a"]', "missing_field"),
    ('"codes":null', "missing_field"),
    ('"codes":["a",null]', "missing_field"),
    ('"codes":"a"', "wrong_type"),
    ('"codes":["a",1]', "wrong_type"),
    ('"codes":[["a"]]', "wrong_type"),
    ('"codes":[{"a":1}]', "wrong_type"),
    ('"codes":["a"],"codes":["b"]', "duplicate_key"),
    ('"codes":["a"],"other":[1]', "unknown_field"),
    ('"codes":["a"],"small":[1,128]', "number_out_of_range"),
    ('"codes":["a"],"small":[1.0]', "wrong_type"),
    ('"codes":["a"],"weights":[0,1e-400]', "number_out_of_range"),
    ('"codes":["a"],"days":["2024-02-30"]', "invalid_date"),
    ('"codes":["a"],"times":["soon"]', "invalid_timestamp"),
    ('"codes":["a"],"clocks":["24:01"]', "invalid_time"),
    (r'"codes":["a\u0000"]', "nul_character"),
]


def test_rows_of_arrays(pipeline, chain, kafka, landing, sluicectl, database_url):
    pipeline.create(1)
    chain.start()
    sent = [record(number, members) for number, (members, *_) in enumerate(CLEAN + FAILED + CORRUPT)]
    kafka.produce(pipeline.source_topic, [(0, None, value) for value in sent])
    landing.wait_all()
    with psycopg.connect(database_url) as database:
        declared = database.execute("SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'arrays_clean'::regclass "
                                    "AND attnum > 0 ORDER BY attnum").fetchall()
        assert declared[:len(COLUMNS)] == list(zip(COLUMNS, TYPES))
        for binary in (False, True):
            rows = database.execute(f"SELECT {', '.join(COLUMNS)} FROM arrays_clean ORDER BY kafka_offset", binary=binary).fetchall()
            expected = [[number, *row] for number, (_, row) in enumerate(CLEAN)]
            assert [[bits(value) for value in row] for row in rows] == [[bits(value) for value in row] for row in expected]
        found = database.execute("SELECT order_id FROM arrays_clean WHERE 'item 9999' = ANY (tags) AND array_lower(tags, 1) = 1").fetchall()
        assert found == [(len(CLEAN) - 1,)]
        not_clean.expect(database, "arrays", len(CLEAN), FAILED, CORRUPT, sent)
        audited = database.execute("SELECT column_name FROM arrays_audit WHERE order_id = %s AND NOT passed", [len(CLEAN) + 2]).fetchall()
        assert ("codes",) in audited
    explained = json.loads(sluicectl("explain", "--pipeline", pipeline, "--partition", 0, "--offset", 0, "-o", "json").stdout)
    shown = find(explained, "customer")
    assert shown["tags"] == ["a", None, "b"] and shown["counts"] == [0, 2**63 - 1, -2**63] and shown["flags"] == [True, None, False]
    assert shown["days"] == ["2024-03-10", "0001-01-01"] and shown["times"] == ["2024-03-10T08:00:00Z", None]
    assert shown["customer"] == {"mails": "[redacted]", "scores": [0]}
    sluicectl("verify", "--pipeline", pipeline)


def test_an_item_that_the_table_refuses_is_a_dead_letter(pipeline, chain, kafka, landing, database_url):
    """The table is the user's, and narrower than the contract: only the row that does not fit is refused."""
    pipeline.create(1)
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute("CREATE TABLE public.arrays_clean (order_id bigint, counts integer[], tags varchar(3)[], codes text[])")
    chain.start()
    members = ['"counts":[1,2147483647]', '"counts":[1,2147483648]', '"tags":["abc"]', '"tags":["abcd"]', '"tags":["ab"],"counts":[null]']
    kafka.produce(pipeline.source_topic, [(0, None, record(number, f'"codes":["x"],{more}')) for number, more in enumerate(members)])
    landing.wait_all()
    with psycopg.connect(database_url) as database:
        assert database.execute("SELECT order_id, counts, tags FROM public.arrays_clean ORDER BY 1").fetchall() == [
            (0, [1, 2147483647], None), (2, None, ["abc"]), (4, [None], ["ab"])]
        assert database.execute("SELECT kafka_offset FROM sluice.dead_letters ORDER BY 1").fetchall() == [(1,), (3,)]


def test_a_sample_may_be_ndjson_csv_or_parquet(tmp_path):
    """The same arrays as lines, as JSON in cells, and as lists."""
    def some(number, **members):
        return {"order_id": number, "codes": ["x"], "tags": None, "small": None, "weights": None, "flags": None, "days": None} | members

    records = [some(1, tags=["a", None, '"', ""]), some(2, codes=[]), some(3, codes=None), some(4, codes=["a", "a"]), some(5, small=[1, 128]),
               some(6, weights=[0.5, -0.0]), some(7, flags=[True, False, None]), some(8, days=["soon"]), some(9, days=["2024-03-10"], small=[]),
               some(10, codes=["a", None])]
    (tmp_path / "sample.ndjson").write_text("".join(json.dumps(record) + "\n" for record in records))
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(records), tmp_path / "sample.parquet")
    with open(tmp_path / "sample.csv", "w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(records[0])
        lines.writerows([[json.dumps(value) if isinstance(value, list) else value for value in record.values()] for record in records])
    expected = outcomes(FOLDER, tmp_path / "sample.ndjson", tmp_path)
    assert [verdict for verdict, _, _ in expected] == [
        "clean", "failed", "corrupt", "failed", "corrupt", "clean", "clean", "corrupt", "clean", "corrupt"]
    assert expected[4][1:] == ("number_out_of_range", "small")
    for name in ("sample.csv", "sample.parquet"):
        assert outcomes(FOLDER, tmp_path / name, tmp_path) == expected, name


def test_what_is_no_array_in_a_cell_is_a_text(tmp_path):
    cells = ['[""a""]', "[1", '[""a""],""x"":1', "a", '{""a"":1}', " [ ] ", "null"]
    (tmp_path / "sample.csv").write_text("order_id,codes,tags\n" + "".join(f'{number},"[""x""]","{cell}"\n' for number, cell in enumerate(cells)))
    assert [verdict for verdict, _, _ in outcomes(FOLDER, tmp_path / "sample.csv", tmp_path)] == [
        "clean", "corrupt", "corrupt", "corrupt", "corrupt", "clean", "corrupt"]
