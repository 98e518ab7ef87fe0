"""The judge: proves record by record what became of a source topic, from Kafka, PostgreSQL and the truth alone.

It reads everything itself and shares no code with Sluice, so that both being wrong in the same way is unlikely.
`Oracle(...).differences()` is empty when

* every record of the source topic has exactly one outcome, none is missing, none was made up, and record ids are unique;
* the outcome is the one that the truth promises: table, reason of a corrupt record, broken rules of a failed one;
* each value of each row in the clean and the failed table is that of the JSON in Kafka, to the last bit;
* both internal topics tile the source without a gap under the accept rule, counts agree with rows, and verdicts with the truth;
* the rows that the database was made to refuse are dead letters, each once, and no others are;
* the ledger tiles and balances per partition and agrees with the tables, and the position is the end of the source.
"""

import collections
import dataclasses
import datetime
import decimal
import functools
import hashlib
import json
import struct

import psycopg
import psycopg.rows
import psycopg.types.json

from support.kafka import Kafka, read_batch

VERDICTS = ("valid", "clean", "failed", "corrupt", "duplicate", "late", "filtered", "tombstone", "lost")
OWN = "WHERE pipeline = %s AND topic = %s AND generation = %s AND sink = %s"
TABLES = {"clean": "device_data", "failed": "qc_failed_table", "corrupt": "corrupt_records"}


@dataclasses.dataclass
class Expected:
    """What must become of one record. None: any will do."""

    verdict: str | None = None
    reason: str | None = None
    rules: tuple | None = None
    record_id: str | None = None


class Differences:
    """Findings, the first few of each kind in full."""

    def __init__(self, shown=10):
        self._shown = shown
        self._found = collections.defaultdict(list)
        self._count = collections.Counter()

    def add(self, kind, detail):
        self._count[kind] += 1
        if len(self._found[kind]) < self._shown:
            self._found[kind].append(str(detail))

    def lines(self):
        lines = []
        for kind, details in self._found.items():
            lines += [f"{kind}: {detail}" for detail in details]
            if self._count[kind] > len(details):
                lines.append(f"{kind}: and {self._count[kind] - len(details)} more")
        return lines


def load_truth(path):
    """The simulator's truth file: {(partition, offset): Expected}. A line may be repeated, but not contradicted."""
    truth = {}
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            entry = json.loads(line)
            where = entry["partition"], entry["offset"]
            expected = Expected(entry["verdict"], entry.get("reason"), tuple(sorted(entry.get("rules") or ())),
                                entry.get("record_id"))
            if truth.setdefault(where, expected) != expected:
                raise ValueError(f"{path}:{number}: a second truth about {where}")
    return truth


class _Number(str):
    """A JSON number as it was written."""


def _parse_json(value):
    return json.loads(value, parse_float=_Number, parse_int=_Number)


# Of jsonb, which keeps all digits of a number.
_load_json = functools.partial(json.loads, parse_float=decimal.Decimal, parse_int=decimal.Decimal)


def _moment(text):
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00").replace("z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.timezone.utc)


def _flat(record, before=""):
    """The scalars and arrays of a record by the names of their columns: those of objects are called outer_inner."""
    flat = {}
    for name, value in record.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{before}{name}_")
        else:
            flat[before + name] = value
    return flat


def same_value(stored, written):
    """Whether a column's value is what the JSON says, bit by bit for floating point."""
    if stored is None or written is None:
        return stored is None and written is None
    if isinstance(stored, list):
        return isinstance(written, list) and len(stored) == len(written) and all(map(same_value, stored, written))
    if isinstance(stored, dict):
        return isinstance(written, dict) and stored.keys() == written.keys() and all(same_value(stored[name], written[name]) for name in stored)
    if isinstance(stored, bool) or isinstance(written, bool):
        return stored is written
    if isinstance(stored, float):
        return isinstance(written, _Number) and struct.pack("d", stored) == struct.pack("d", float(written))
    if isinstance(stored, (int, decimal.Decimal)):
        return isinstance(written, _Number) and decimal.Decimal(stored) == decimal.Decimal(written)
    if not isinstance(written, str) or isinstance(written, _Number):
        return False
    if isinstance(stored, datetime.datetime):
        return stored == _moment(written)
    if isinstance(stored, datetime.date):
        return stored == datetime.date.fromisoformat(written)
    if isinstance(stored, datetime.time):
        return stored == datetime.time.fromisoformat(written)
    return stored == written


def _same_in_json(kept, written):
    """Two values of JSON; a moment may be written in another way."""
    if kept == written or not isinstance(kept, str) or not isinstance(written, str):
        return kept == written
    try:
        return _moment(kept) == _moment(written)
    except ValueError:
        return False


def _same_key(stored, key, cut):
    """A key that is no text PostgreSQL can hold is shown in hexadecimal; one that is too long was cut."""
    if stored is None or key is None:
        return stored is None and key is None
    try:
        text = key.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        text = "\\x" + key.hex()
    return text.startswith(stored) if cut else text == stored


class Oracle:
    def __init__(self, bootstrap_servers, database_url, pipeline, truth=None, tables=None, sink="postgres", earlier=(), origins=None,
                 forgotten=None, rejects=None, names=None):
        """`earlier`: records that were read before they left the source topic (retention).
        `origins`: where the pipeline began, of partitions on which that was not their beginning.
        `forgotten`: source offsets (partition -> offset) before which the internal topics hold nothing any more.
        `rejects`: rejects(verdict, partition, offset) tells which rows the database was made to refuse.
        `names`: physicalName -> the column's name without it, of members of objects.
        """
        self._kafka = Kafka(bootstrap_servers)
        self._database_url = database_url
        self._pipeline = pipeline
        self._truth = truth
        self._tables = tables or TABLES
        self._sink = sink
        self._found = Differences()
        self._origins = origins or {}
        self._key = [pipeline.name, pipeline.source_topic, pipeline.generation, sink]
        self._forgotten = forgotten or {}
        self._names = names or {}
        self._rejects = rejects or (lambda verdict, partition, offset: False)
        self.source = {(record.partition, record.offset): record for record in earlier}
        self.outcome = {}    # (partition, offset) -> verdict, as the tables have it
        self.rejected = {}   # (partition, offset) -> verdict, of the dead letters
        self.loaded = {}     # (partition, offset) -> load_timestamp of the row

    def differences(self):
        self._read_source()
        self._compare_topics()
        with psycopg.connect(self._database_url, row_factory=psycopg.rows.dict_row) as database:
            psycopg.types.json.set_json_loads(_load_json, database)
            self._read_tables(database)
            self._read_dead_letters(database)
            self._compare_outcomes()
            self._compare_cells(database)
            self._compare_ledger(database)
        return self._found.lines()

    # Kafka

    def _read_source(self):
        ids = {}
        for record in self._kafka.read(self._pipeline.source_topic):
            where = record.partition, record.offset
            if record.offset < self._origins.get(record.partition, 0):
                continue
            self.source[where] = record
            name = record.headers.get("sluice-record-id")
            if name is not None and ids.setdefault(name, where) != where:
                self._found.add("record id sent twice", f"{name!r} at {ids[name]} and {where}")
        self._ends = {partition: end for partition, (_, end) in
                      self._kafka.offsets(self._pipeline.source_topic).items()}
        if self._truth is None:
            return
        for where in self.source.keys() - self._truth.keys():
            self._found.add("no truth", f"about the record at {where}")
        for where in self._truth.keys() - self.source.keys():
            if self._truth[where].verdict != "lost":
                self._found.add("truth about nothing", where)
        for where, expected in self._truth.items():
            record = self.source.get(where)
            if record is not None and expected.record_id is not None:
                name = record.headers.get("sluice-record-id", b"").decode(errors="replace")
                if name != expected.record_id:
                    self._found.add("record id", f"{where}: {name!r} in Kafka, {expected.record_id!r} in the truth")

    def _compare_topics(self):
        for stage in ("validated", "checked"):
            verdicts = self._fold(stage)
            for where, record in self.source.items():
                verdict = verdicts.pop(where, None)
                if verdict is None:
                    if record.offset >= self._forgotten.get(record.partition, 0):
                        self._found.add(f"missing in {stage}", where)
                elif stage == "checked" and self._expected(where).verdict not in (None, verdict):
                    self._found.add("verdict in checked", f"{where}: {verdict}, not {self._expected(where).verdict}")
                elif stage == "validated" and (record.value is None) != (verdict == "tombstone"):
                    self._found.add("verdict in validated", f"{where}: {verdict} for {record.value!r:.80}")
            for where in verdicts:
                self._found.add(f"made up in {stage}", where)

    def _fold(self, stage):
        """What a reader that keeps the accept rule takes from an internal topic: {(partition, offset): verdict}."""
        topic = self._pipeline.internal_topic(stage)
        verdicts, following = {}, {}
        for message in self._kafka.read(topic):
            if "sluice-coverage" not in message.headers:
                self._found.add("no coverage header", f"{topic} {message.partition}@{message.offset}")
                continue
            coverage, table = read_batch(message)
            partition = message.partition
            here = f"{topic} {partition}@{message.offset} [{coverage.first}, {coverage.next})"
            at = following.setdefault(partition, max(coverage.origin, self._forgotten.get(partition, 0)))
            if coverage.partition != partition:
                self._found.add("wrong partition", here)
            if coverage.first > at:
                continue  # a gap: nothing is taken. If nothing closes it, records are missing below.
            rows = table.select(["_offset", "_verdict"]).to_pydict() if table is not None and table.num_rows else None
            by_offset = dict(zip(rows["_offset"], rows["_verdict"])) if rows else {}
            self._compare_counts(here, coverage, by_offset)
            for offset, verdict in by_offset.items():
                if not coverage.first <= offset < coverage.next:
                    self._found.add("row outside its coverage", f"{here}: {offset}")
                elif offset >= at:
                    verdicts[partition, offset] = VERDICTS[verdict]
            following[partition] = max(at, coverage.next)
        return verdicts

    def _compare_counts(self, here, coverage, by_offset):
        if coverage.lost:
            return
        counted = collections.Counter(by_offset.values())
        said = {verdict: count for verdict, count in enumerate(coverage.counts) if count}
        if counted != said:
            self._found.add("counts in the header", f"{here}: says {said}, rows {dict(counted)}")

    def _expected(self, where):
        return (self._truth or {}).get(where) or Expected()

    # PostgreSQL

    def _read_tables(self, database):
        for verdict, table in self._tables.items():
            columns = self._value_columns(database, table) if verdict != "corrupt" else []
            with database.cursor(f"read_{verdict}", binary=True) as cursor:
                cursor.itersize = 20000
                cursor.execute(f"SELECT * FROM {table}")
                for row in cursor:
                    where = row["kafka_partition"], row["kafka_offset"]
                    self._take_row(verdict, table, where, row, columns)

    def _read_dead_letters(self, database):
        for row in database.execute(f"SELECT partition, kafka_offset, verdict, target, record FROM sluice.dead_letters {OWN}",
                                    self._key):
            where = row["partition"], row["kafka_offset"]
            if where in self.outcome or where in self.rejected:
                self._found.add("two outcomes", f"{where}: {self.outcome.get(where) or self.rejected[where]} and a dead letter")
            self.rejected[where] = row["verdict"]
            if not self._rejects(row["verdict"], *where):
                self._found.add("dead letter", f"{where}: nothing refuses its row in {row['target']}")
            record = self.source.get(where)
            if record is None:
                self._found.add("made up", f"{where} in sluice.dead_letters")
            elif row["verdict"] != "corrupt":
                kept = json.loads(row["record"])
                for name, value in json.loads(record.value).items():
                    if not _same_in_json(kept.get(name), value):
                        self._found.add("dead letter", f"{where} {name}: {kept.get(name)!r}, JSON {value!r}")

    def _value_columns(self, database, table):
        """The columns that come from the record: those before the sink's own."""
        names = [row["attname"] for row in database.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped "
            "ORDER BY attnum", [table])]
        return names[:min(names.index(own) for own in ("message_key", "qc_status"))]

    def _take_row(self, verdict, table, where, row, columns):
        if where in self.outcome:
            self._found.add("two outcomes", f"{where}: {self.outcome[where]} and {verdict}")
        self.outcome[where] = verdict
        self.loaded[where] = row["load_timestamp"]
        record = self.source.get(where)
        if record is None:
            self._found.add("made up", f"{where} in {table}")
            return
        if not _same_key(row["message_key"], record.key, row.get("error_reason") == "oversize_key"):
            self._found.add("message_key", f"{where}: {row['message_key']!r:.80}, not {record.key!r:.80}")
        if verdict == "corrupt":
            self._compare_corrupt(where, record, row)
        else:
            self._compare_values(where, record, row, columns)

    def _compare_values(self, where, record, row, columns):
        try:
            written = _flat(_parse_json(record.value))
        except (ValueError, TypeError):
            self._found.add("row of no JSON", where)
            return
        for name in columns:
            value = written.get(self._names.get(name, name))
            if not same_value(row[name], value):
                self._found.add("value", f"{where} {name}: {row[name]!r}, JSON {value!r}")

    def _compare_corrupt(self, where, record, row):
        expected = self._expected(where).reason
        said = (row["error_reason"] or "").split(":")[0]
        if expected is not None and said != expected:
            self._found.add("reason", f"{where}: {row['error_reason']!r}, not {expected!r}")
        value, kept = record.value or b"", row["raw"] or b""
        if not value.startswith(kept) or row["raw_length"] != len(value) or (
                row["raw_sha256"] != hashlib.sha256(value).digest()) or len(kept) < min(len(value), 1000):
            self._found.add("raw bytes", f"{where}: {row['raw_length']} bytes, {kept[:60]!r}, not {len(value)}, {value[:60]!r}")

    def _compare_outcomes(self):
        for where in self.source:
            expected = self._expected(where).verdict
            outcome = self.outcome.get(where) or self.rejected.get(where)
            if outcome in self._tables and self._rejects(outcome, *where) != (where in self.rejected):
                self._found.add("verdict", f"{where}: {outcome}, a row that the database refuses, is no dead letter")
            if expected is None:
                if outcome is None and self.source[where].value is not None:
                    self._found.add("missing", f"{where} in no table")
            elif outcome != (expected if expected in self._tables else None):
                self._found.add("verdict", f"{where}: {outcome or 'in no table'}, not {expected}")

    def _compare_cells(self, database):
        """The broken rules of each record: the truth, the bits in the row, and the detail in sluice.cell_failures."""
        bits = {}
        names = {(row["contract_id"], row["rule_index"]): row["rule_id"] for row in database.execute(
            "SELECT contract_id, rule_index, rule_id FROM sluice.contract_rules").fetchall()}
        for table in (self._tables["clean"], self._tables["failed"]):
            for row in database.execute("SELECT kafka_partition, kafka_offset, contract_id, failed_rules "
                                        f"FROM {table} WHERE failed_rules IS NOT NULL"):
                bits[row["kafka_partition"], row["kafka_offset"]] = {
                    names.get((row["contract_id"], bit), f"bit {bit}") for bit in range(8 * len(row["failed_rules"]))
                    if row["failed_rules"][bit // 8] >> bit % 8 & 1}
        cells = collections.defaultdict(list)
        for row in database.execute("SELECT partition, kafka_offset, rule_id FROM sluice.cell_failures "
                                    "WHERE pipeline = %s AND topic = %s AND generation = %s", self._key[:3]):
            cells[row["partition"], row["kafka_offset"]].append(row["rule_id"])
        for where in {*bits, *cells} - self.rejected.keys():
            if sorted(bits.get(where, ())) != sorted(cells.get(where, ())):
                self._found.add("rules", f"{where}: {sorted(bits.get(where, ()))} in the row, "
                                         f"{sorted(cells.get(where, ()))} in cell_failures")
        for where in self.rejected:
            expected = self._expected(where).rules
            if expected is not None and sorted(cells.get(where, ())) != sorted(expected):
                self._found.add("rules", f"{where}: {sorted(cells.get(where, ()))} in cell_failures, not {sorted(expected)}")
        for where, outcome in self.outcome.items():
            expected = self._expected(where).rules
            if expected is not None and sorted(bits.get(where, ())) != sorted(expected):
                self._found.add("rules", f"{where}: {sorted(bits.get(where, ()))}, not {sorted(expected)}")
            if outcome == "failed" and where not in bits:
                self._found.add("rules", f"{where} failed without a broken rule")

    def _compare_ledger(self, database):
        counted = collections.Counter((partition, verdict) for (partition, _), verdict in self.outcome.items())
        refused = collections.Counter((partition, verdict) for (partition, _), verdict in self.rejected.items())
        columns = ["partition", "first_offset", "next_offset", "epoch", "records_read", "rejected", *VERDICTS[1:],
                   *(f"rows_{verdict}" for verdict in self._tables)]
        ledger = database.execute(f"SELECT {', '.join(columns)} FROM sluice.ledger {OWN} "
                                  "ORDER BY partition, first_offset, next_offset", self._key).fetchall()
        sums, following, epochs = collections.Counter(), {}, {}
        for row in ledger:
            partition = row["partition"]
            here = f"{partition} [{row['first_offset']}, {row['next_offset']})"
            if following.setdefault(partition, self._origins.get(partition, 0)) != row["first_offset"]:
                self._found.add("ledger does not tile", f"{here} after {following[partition]}")
            following[partition] = row["next_offset"]
            known = {verdict: row[verdict] for verdict in VERDICTS[1:]}
            if row["records_read"] != sum(known.values()) - known["lost"]:
                self._found.add("ledger does not balance", f"{here}: read {row['records_read']}, {known}")
            for name in (*known, *(f"rows_{verdict}" for verdict in self._tables), "records_read", "rejected"):
                sums[partition, name] += row[name]
            if row["epoch"] < epochs.get(partition, 0):
                self._found.add("commit of an earlier owner", f"{here}: epoch {row['epoch']} after {epochs[partition]}")
            epochs[partition] = row["epoch"]
        positions = {row["partition"]: row["next_offset"] for row in database.execute(
            f"SELECT partition, next_offset FROM sluice.coverage {OWN}", self._key)}
        in_kafka = collections.Counter(partition for partition, _ in self.source)
        last = {}  # control records may follow the last record, and nobody accounts for them
        for partition, offset in self.source:
            last[partition] = max(last.get(partition, 0), offset)
        for partition, end in self._ends.items():
            if partition not in last:
                continue
            position = positions.get(partition)
            if position != following.get(partition) or position is None or not last[partition] < position <= end:
                self._found.add("position", f"partition {partition}: coverage {position}, ledger {following.get(partition)}, "
                                            f"last record at {last[partition]}, source ends at {end}")
            if sums[partition, "records_read"] != in_kafka[partition]:
                self._found.add("ledger", f"partition {partition}: read {sums[partition, 'records_read']} "
                                          f"of {in_kafka[partition]}")
            lost = sum(expected.verdict == "lost" for (where, _), expected in (self._truth or {}).items()
                       if where == partition)
            letters = sum(refused[partition, verdict] for verdict in self._tables)
            if sums[partition, "lost"] != lost or sums[partition, "rejected"] != letters:
                self._found.add("ledger", f"partition {partition}: {sums[partition, 'lost']} lost, not {lost}; "
                                          f"{sums[partition, 'rejected']} rejected, not {letters}")
            for verdict in self._tables:
                rows, letters = counted[partition, verdict], refused[partition, verdict]
                if sums[partition, verdict] != rows + letters or sums[partition, f"rows_{verdict}"] != rows:
                    self._found.add("ledger", f"partition {partition}: {sums[partition, verdict]} {verdict} in "
                                              f"{sums[partition, f'rows_{verdict}']} rows, but {rows} are there and "
                                              f"{letters} dead letters")

    def verdicts(self):
        """Records by verdict, for a report."""
        counts = collections.Counter(self.outcome.values())
        counts["tombstone"] = sum(record.value is None for record in self.source.values())
        return {verdict: count for verdict, count in counts.items() if count}
