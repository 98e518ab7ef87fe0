"""Rows to PostgreSQL by Spark's own JDBC writer: batched inserts that the driver joins into multi-row ones.

The three tables and the positions are not one transaction. So a start removes what lies beyond the positions, which
is what an interrupted batch had written.
"""

import urllib.parse

import adbc_driver_postgresql.dbapi
from pyspark.sql import functions as F

from copy_sink import MANY_ROWS, TABLES
from verdicts import CLEAN


class JdbcSink:
    def __init__(self, url):
        self._database = adbc_driver_postgresql.dbapi.connect(url, autocommit=True)
        parts = urllib.parse.urlparse(url)
        self._url = (f"jdbc:postgresql://{parts.hostname}:{parts.port}{parts.path}"
                     f"?user={parts.username}&reWriteBatchedInserts=true")
        self._days = set()
        for table, _, _ in TABLES.values():
            self._execute(f"DELETE FROM {table} t USING peer.position p "
                          "WHERE t.kafka_partition = p.partition AND t.kafka_offset >= p.next_offset")

    def write(self, batch, _batch_id):
        batch.persist()
        days = batch.where(F.col("verdict") == CLEAN).groupBy("trip_start_date").count().collect()
        for day, rows in days:
            if day not in self._days and rows >= MANY_ROWS:
                self._days.add(day)
                self._execute(f"SELECT peer.ensure_day('{day}')")
        for verdict, (table, columns, status) in TABLES.items():
            rows = batch.where(F.col("verdict") == verdict).select(
                *columns, F.current_timestamp().alias("load_timestamp"), F.lit(1).alias("contract_id"))
            if status is not None:
                rows = rows.withColumn("qc_status", F.lit(status))
            rows.write.jdbc(self._url, table, "append", {"batchsize": "10000", "driver": "org.postgresql.Driver"})
        for partition, end in batch.groupBy("kafka_partition").agg(F.max("kafka_offset") + 1).collect():
            self._execute(f"INSERT INTO peer.position VALUES ({partition}, {end}) "
                          f"ON CONFLICT (partition) DO UPDATE SET next_offset = {end}")
        batch.unpersist()

    def _execute(self, statement):
        with self._database.cursor() as cursor:
            cursor.execute(statement)
