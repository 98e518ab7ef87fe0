"""The telemetry job in PySpark: Kafka -> verdicts -> PostgreSQL, as a Structured Streaming query.

Run by scripts/bench --peer pyspark, until SIGTERM.
"""

import argparse
import pathlib
import sys

from pyspark.sql import SparkSession

import copy_sink
import verdicts
from jdbc_sink import JdbcSink


def session(options):
    """See README.md for why each of them is as it is."""
    java = ["-XX:+UseParallelGC", "-XX:-UsePerfData", "-XX:-DontCompileHugeMethods"]
    settings = {
        "spark.master": "local[2]",
        "spark.driver.memory": "1g",
        "spark.driver.extraJavaOptions": " ".join(java),
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.jars": ",".join(str(jar) for jar in sorted(pathlib.Path(options.jars).glob("*.jar"))),
        "spark.ui.enabled": "false",
        "spark.local.dir": options.scratch,
        "spark.python.worker.reuse": "true",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.ansi.enabled": "false",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "20000",
        # Without a bound in bytes nobody adds up bytes after each row.
        "spark.sql.execution.arrow.maxBytesPerBatch": str((1 << 31) - 1),
        "spark.sql.streaming.noDataMicroBatches.enabled": "false",
        "spark.sql.streaming.metricsEnabled": "false",
        "spark.sql.streaming.numRecentProgressUpdates": "1",
    }
    builder = SparkSession.builder.appName("telemetry")
    for key, value in settings.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("WARN")
    return spark


def source(spark, options):
    settings = {
        "kafka.bootstrap.servers": options.bootstrap_servers,
        "subscribe": options.topic,
        "startingOffsets": "earliest",
        "failOnDataLoss": "true",
        "kafka.max.poll.records": "10000",
        "kafka.max.partition.fetch.bytes": str(8 << 20),
        "kafka.fetch.max.bytes": str(32 << 20),
        "kafka.receive.buffer.bytes": str(1 << 20),
        "kafka.check.crcs": "false",
        "maxOffsetsPerTrigger": options.batch,
    }
    return spark.readStream.format("kafka").options(**settings).load()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap-servers", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--scratch", required=True, help="directory for the checkpoint and Spark's own files")
    parser.add_argument("--jars", required=True)
    parser.add_argument("--writer", choices=["copy", "jdbc"], default="copy")
    parser.add_argument("--batch", default="500000", help="most records of one micro-batch")
    options = parser.parse_args()

    spark = session(options)
    rows = verdicts.judged(source(spark, options))
    url = options.database_url

    def copy(batch, _batch_id):
        # The sink is a module of the workers, not a part of the task: they keep its connections.
        write = lambda batches: copy_sink.write(url, batches)
        batch.mapInArrow(write, "partition int, rows long").write.format("noop").mode("overwrite").save()

    query = (rows.writeStream.foreachBatch(copy if options.writer == "copy" else JdbcSink(url).write)
             .option("checkpointLocation", f"{options.scratch}/checkpoint")
             .trigger(processingTime="0 seconds").start())
    pathlib.Path(options.scratch, "started").touch()
    query.awaitTermination()


if __name__ == "__main__":
    sys.exit(main())
