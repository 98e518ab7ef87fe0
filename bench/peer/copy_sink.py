"""Rows to PostgreSQL by binary COPY, straight from Arrow (ADBC). Runs in Spark's Python workers.

A task is one partition of the topic. Its rows and the position after them are committed together, and a task that
Spark runs again skips what lies before the position: each record lands once.
"""

import datetime

import adbc_driver_postgresql.dbapi
import pyarrow
import pyarrow.compute

from verdicts import CLEAN, CORRUPT, FAILED, FIELDS

MANY_ROWS = 100  # of one day in one batch: then the day gets a table of its own

_HEAD = [*FIELDS, "message_key", "kafka_partition", "kafka_offset", "failed_rules"]
TABLES = {
    CLEAN: ("device_data", _HEAD, "success"),
    FAILED: ("qc_failed_table", [*_HEAD, "qc_summary"], "fail"),
    CORRUPT: ("corrupt_records", ["message_key", "kafka_partition", "kafka_offset", "value_str", "error_reason", "raw",
                                  "raw_length", "raw_sha256", "record_timestamp"], None),
}

_session = None  # a worker lives for many tasks


class _Session:
    def __init__(self, url):
        self.rows = adbc_driver_postgresql.dbapi.connect(url)
        self.tables = adbc_driver_postgresql.dbapi.connect(url, autocommit=True)
        self.days = set()

    def close(self):
        self.rows.close()
        self.tables.close()


def write(url, batches):
    """For mapInArrow: one row (partition, rows) of each task that had any."""
    global _session
    batches = [batch for batch in batches if batch.num_rows]
    if not batches:
        return
    if _session is None:
        _session = _Session(url)
    try:
        yield _land(_session, pyarrow.Table.from_batches(batches))
    except BaseException:
        _session.close()
        _session = None
        raise


def _land(session, rows):
    partition = rows["kafka_partition"][0].as_py()
    end = pyarrow.compute.max(rows["kafka_offset"]).as_py() + 1
    with session.rows.cursor() as cursor:
        cursor.execute(f"INSERT INTO peer.position VALUES ({partition}, 0) ON CONFLICT (partition) DO UPDATE "
                       "SET next_offset = position.next_offset RETURNING next_offset")
        position = cursor.fetchone()[0]  # and the row is locked: of two attempts one waits
        if position > rows["kafka_offset"][0].as_py():
            rows = rows.filter(pyarrow.compute.field("kafka_offset") >= position)
        for verdict, (table, columns, status) in TABLES.items():
            part = rows.filter(pyarrow.compute.field("verdict") == verdict).select(columns)
            if part.num_rows:
                if verdict == CLEAN:
                    _ensure_days(session, part["trip_start_date"])
                cursor.adbc_ingest(table, _with_constants(part, status), mode="append")
        cursor.execute(f"UPDATE peer.position SET next_offset = {end} WHERE partition = {partition}")
    session.rows.commit()
    return pyarrow.RecordBatch.from_pydict({"partition": [partition], "rows": [rows.num_rows]},
                                           pyarrow.schema([("partition", pyarrow.int32()), ("rows", pyarrow.int64())]))


def _with_constants(rows, status):
    now = datetime.datetime.now(datetime.timezone.utc)
    constants = {"load_timestamp": pyarrow.scalar(now, pyarrow.timestamp("us", "UTC")),
                 "contract_id": pyarrow.scalar(1, pyarrow.int32())}
    if status is not None:
        constants["qc_status"] = pyarrow.scalar(status)
    for name, value in constants.items():
        rows = rows.append_column(name, pyarrow.repeat(value, rows.num_rows))
    return rows


def _ensure_days(session, days):
    for count in pyarrow.compute.value_counts(days):
        day = count["values"].as_py()
        if day in session.days or count["counts"].as_py() < MANY_ROWS:
            continue
        session.days.add(day)
        with session.tables.cursor() as cursor:
            cursor.execute(f"SELECT peer.ensure_day('{day}')")
            cursor.fetchone()
