"""What rules cost in another engine: rules.py duckdb|pyspark FOLDER, where rule_evaluator_benchmark --export has put rules and rows.

Prints {title of a rule set: CPU nanoseconds per record} as JSON. The rows lie in the engine's memory, one thread works, and
what counts is the CPU time of a query that makes each row's bit set of broken rules, less that of one that only reads the rows.
"""

import json
import os
import pathlib
import re
import sys
import time

import pyarrow as pa
import pyarrow.compute as pc

RUNS = 10
COPIES = 4  # of the rows: a query has to be long beside its planning
MASK = 60  # rules in one bigint


READ = "SELECT count(*), bit_xor(_offset) FROM records"


def rule_sets(folder):
    """(title, how many rows break a rule, the rules)"""
    sets = []
    for line in (folder / "rules.txt").read_text().splitlines():
        if line.startswith("# "):
            _, broken, title = line.split(" ", 2)
            sets.append((title, int(broken), []))
        else:
            sets[-1][2].append(line)
    return sets


def read_rows(folder):
    """The valid rows; the columns that are the contract's, and the offset."""
    tables = []
    with pa.memory_map(str(folder / "rows.arrows")) as source:
        while source.tell() < source.size():
            tables.append(pa.ipc.open_stream(source).read_all())
    table = pa.concat_tables(tables * COPIES)
    table = table.filter(pc.equal(table["_verdict"], 0))
    return table.select(["_offset", *(name for name in table.column_names if not name.startswith("_"))]).combine_chunks()


def query(rules, bit):
    """One row that nobody gets without every row's bits, and how many rows break something."""
    masks = [" | ".join(bit(rule, number) for number, rule in enumerate(rules[first:first + MASK]))
             for first in range(0, len(rules), MASK)]
    columns = ", ".join(f"{mask} AS m{number}" for number, mask in enumerate(masks))
    digest = ", ".join(f"bit_xor(m{number})" for number in range(len(masks)))
    broken = " | ".join(f"m{number}" for number in range(len(masks)))
    return f"SELECT count(CASE WHEN ({broken}) <> 0 THEN 1 END), {digest} FROM (SELECT {columns} FROM records)"


class DuckDb:
    def __init__(self, table):
        import duckdb
        self._session = duckdb.connect(config={"threads": 1})
        self._session.execute("SET TimeZone = 'UTC'")
        self._session.register("arrow_rows", table)
        self._session.execute("CREATE TABLE records AS SELECT * FROM arrow_rows")
        self._session.unregister("arrow_rows")

    def bit(self, rule, number):
        rule = re.sub(r"(\w+) matches ('[^']*')", r"regexp_matches(\1, \2)", rule)
        return f"((({rule}) IS FALSE)::BIGINT << {number})"

    def run(self, text):
        return self._session.execute(text).fetchone()

    def cpu(self):
        return time.process_time()


class PySpark:
    def __init__(self, table):
        from pyspark.sql import SparkSession
        settings = {
            "spark.master": "local[1]", "spark.driver.memory": "4g", "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.extraJavaOptions": "-XX:+UseParallelGC -XX:-DontCompileHugeMethods",
            "spark.sql.session.timeZone": "UTC", "spark.sql.ansi.enabled": "false",
            "spark.sql.adaptive.enabled": "false", "spark.sql.shuffle.partitions": "1",
            "spark.sql.codegen.maxFields": "300",
        }
        builder = SparkSession.builder
        for key, value in settings.items():
            builder = builder.config(key, value)
        self._session = builder.getOrCreate()
        self._session.sparkContext.setLogLevel("ERROR")
        self._session.createDataFrame(table).coalesce(1).createOrReplaceTempView("records")
        self._session.catalog.cacheTable("records")
        self._java = self._session.sparkContext._gateway.proc.pid

    def bit(self, rule, number):
        rule = re.sub(r"(\w+) matches ", r"\1 rlike ", rule)
        return f"shiftleft(cast(({rule}) IS FALSE AS BIGINT), {number})"

    def run(self, text):
        return tuple(self._session.sql(text).first())

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self._java}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cost(engine, text, warm_up):
    """CPU-seconds of a query, the mean of its runs, once it is compiled."""
    for _ in range(warm_up):
        answer = engine.run(text)
    before = engine.cpu()
    for _ in range(RUNS):
        answer = engine.run(text)
    return (engine.cpu() - before) / RUNS, answer


def main():
    make, warm_up = {"duckdb": (DuckDb, 1), "pyspark": (PySpark, 10)}[sys.argv[1]]
    folder = pathlib.Path(sys.argv[2])
    table = read_rows(folder)
    engine = make(table)
    figures = {}
    for title, expected, rules in rule_sets(folder):
        judging, (broken, *_) = cost(engine, query(rules, engine.bit), warm_up)
        reading, (rows, _) = cost(engine, READ, warm_up)
        if (rows, broken) != (table.num_rows, COPIES * expected):
            sys.exit(f"{title}: {broken} of {rows} rows break a rule here, {COPIES * expected} of {table.num_rows} there")
        figures[title] = (judging - reading) / rows * 1e9
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
