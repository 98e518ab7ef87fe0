"""The telemetry contract (pipelines/telemetry/contract.odcs.yaml) as native expressions of Spark SQL. No UDF.

A record whose text has the usual shape is judged by one pass of from_json and some comparisons. The few others
are looked at again as a variant, which knows the JSON type of every member and refuses repeated ones.
"""

from pyspark.sql import functions as F

# name -> (type in the table, JSON type)
FIELDS = {
    "trip_id": ("string", "text"),
    "car_id": ("string", "text"),
    "latitude": ("double", "number"),
    "longitude": ("double", "number"),
    "event_timestamp": ("timestamp", "text"),
    "speed_kmph": ("double", "number"),
    "fuel_level": ("double", "number"),
    "engine_temp_c": ("double", "number"),
    "trip_start_time": ("timestamp", "text"),
    "trip_start_latitude": ("double", "number"),
    "trip_start_longitude": ("double", "number"),
    "trip_start_date": ("date", "text"),
}
REQUIRED = ("trip_id", "car_id", "event_timestamp")
OF_TYPE = {wanted: [name for name, (kind, _) in FIELDS.items() if kind == wanted]
           for wanted in ("string", "double", "timestamp", "date")}

# Timestamps and dates are read as text first: a cast is several times faster than from_json's own parser.
TEXT = {name: f"{name}_text" for name in OF_TYPE["timestamp"] + OF_TYPE["date"]}
SCHEMA = ", ".join(f"{name} {'string' if name in TEXT else kind}" for name, (kind, _) in FIELDS.items())

MAX_RECORD_BYTES = 1 << 20
MAX_RAW_BYTES = 16 << 10
MAX_KEY_BYTES = 4 << 10
MAX_DEPTH = 32
JSON_OPTIONS = {"mode": "PERMISSIVE", "allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}

# What the tables call a verdict is its number here.
CLEAN, FAILED, CORRUPT, TOMBSTONE = range(4)


def _bounds(column, low, high, low_text, high_text, high_is_out=False):
    return [(f"{column} < {low}", f"{column} < {low_text}"),
            (f"{column} {'>=' if high_is_out else '>'} {high}", f"{column} {'>=' if high_is_out else '>'} {high_text}")]


def _text(column):
    return [(f"length({column}) < 1", f"length({column}) < 1"), (f"length({column}) > 64", f"length({column}) > 64")]


def _number(column, low, high):
    return [*_bounds(column, f"{low}D", f"{high}D", low, high), (f"{column} IS NULL", f"{column} null")]


def _timestamp(column, nullable):
    first, last = "2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z"
    rules = _bounds(column, f"TIMESTAMP'{first}'", f"TIMESTAMP'{last}'", f"'{first}'", f"'{last}'", high_is_out=True)
    return rules + ([(f"{column} IS NULL", f"{column} null")] if nullable else [])


# (condition that breaks the rule, what qc_summary calls it), in the contract's order: rule i is bit i of failed_rules.
RULES = [
    *_text("trip_id"), *_text("car_id"),
    *_number("latitude", -90, 90), *_number("longitude", -180, 180),
    *_timestamp("event_timestamp", nullable=False),
    *_number("speed_kmph", 0, 250), *_number("fuel_level", 0, 100), *_number("engine_temp_c", -40, 150),
    *_timestamp("trip_start_time", nullable=True),
    *_number("trip_start_latitude", -90, 90), *_number("trip_start_longitude", -180, 180),
    *_bounds("trip_start_date", "DATE'2000-01-01'", "DATE'2099-12-31'", "'2000-01-01'", "'2099-12-31'"),
    ("trip_start_date IS NULL", "trip_start_date null"),
    ("event_timestamp < trip_start_time", "event_timestamp before trip_start_time"),
    ("trip_start_date <> CAST(trip_start_time AS DATE)", "trip_start_date is not the day of trip_start_time"),
    ("engine_temp_c > 120D AND fuel_level <= 1D AND speed_kmph > 120D", "hot and out of fuel and fast at once"),
    ("NOT (abs(latitude - trip_start_latitude) <= 10D AND (abs(longitude - trip_start_longitude) <= 15D"
     " OR abs(longitude - trip_start_longitude) >= 345D))", "too far from the start of the trip"),
    ("latitude = 0D AND longitude = 0D", "position 0/0"),
    # Warnings: the record stays clean.
    ("unix_micros(event_timestamp) - unix_micros(trip_start_time) > 172800000000L", "trip lasts more than 48 hours"),
    ("unix_micros(event_timestamp) - unix_micros(record_timestamp) > 600000000L",
     "event_timestamp more than 10 minutes after arrival"),
]
WARNINGS = 2
FAILING = (1 << len(RULES) - WARNINGS) - 1
BITS_BYTES = (len(RULES) + 7) // 8


def _all(conditions):
    return " AND ".join(f"({condition})" for condition in conditions)


def _any(conditions):
    return " OR ".join(f"({condition})" for condition in conditions)


# Twelve members, five of them strings, are 17 pairs of quotation marks. With no backslash, no brace but the outer ones,
# and all twelve fields found and of their type, nothing else can be in the record.
USUAL = _all([
    r"value RLIKE '^\\{[^\"\\\\}]*+(?:\"[^\"\\\\}]*+\"[^\"\\\\}]*+){17}\\}$'",
    f"octet_length(value) <= {MAX_RECORD_BYTES}",
    f"key IS NULL OR octet_length(key) <= {MAX_KEY_BYTES}",
    "record_timestamp >= TIMESTAMP'1970-01-01T00:00:00Z'",
    *(f"{name} IS NOT NULL" for name in FIELDS),
    *(f"abs({name}) < double('Infinity')" for name in OF_TYPE["double"]),
    "is_valid_utf8(value)",
])

# schema_of_variant of an object names its members in their order: OBJECT<car_id: STRING, engine_temp_c: BIGINT, ...>
_NUMBER = r"(BIGINT|DOUBLE|DECIMAL\\([0-9]+,[0-9]+\\))"
_SHAPE = {"text": "STRING", "number": _NUMBER}
_MEMBERS = sorted(FIELDS)
KNOWN_MEMBERS = "^OBJECT<((" + "|".join(_MEMBERS) + r"): ([A-Z]+<.*>|[A-Z]+(\\([0-9,]+\\))?)(, |>$))*>?$"
RIGHT_TYPES = "^OBJECT<" + "".join(
    f"({name}: ({_SHAPE[FIELDS[name][1]]}|VOID)(, |>$))?" for name in _MEMBERS) + ">?$"




# Both parsers stop at the end of the first value. In a flat record the first brace that closes is the last character.
TRAILING = _all([
    "startswith(shape, 'OBJECT')", "instr(substring(shape, 2), 'OBJECT') = 0",
    "instr(value, '}') < octet_length(rtrim(' \\n\\r\\t', value))",
    *(f"{name} IS NULL OR instr({name}, '}}') = 0" for name in OF_TYPE["string"]),
])
REPEATED = "size(json_object_keys(value)) > size(array_distinct(json_object_keys(value)))"
# The half of a surrogate pair that is not followed, or not preceded, by its other half.
HALF_PAIR = (r"(?i)\\\\ud[89ab][0-9a-f]{2}(?!\\\\ud[c-f][0-9a-f]{2})"
             r"|(?<!\\\\ud[89ab][0-9a-f]{2})\\\\ud[c-f][0-9a-f]{2}")

# (what is so, why the record is corrupt): the first one that holds counts. Null: it is a record, or a tombstone.
REASONS = [
    (f"octet_length(key) > {MAX_KEY_BYTES}", "'oversize_key'"),
    ("record_timestamp < TIMESTAMP'1970-01-01T00:00:00Z'", "'invalid_record_timestamp'"),
    ("value IS NULL", "NULL"),
    ("octet_length(value) = 0", "'empty_value'"),
    (f"octet_length(value) > {MAX_RECORD_BYTES}", "'oversize'"),
    ("startswith(value, '\ufeff')", "'byte_order_mark'"),
    (f"NOT is_valid_utf8(value) OR value RLIKE '{HALF_PAIR}'", "'invalid_utf8'"),
    (f"shape IS NULL AND {REPEATED}", "'duplicate_key'"),
    (f"shape IS NULL OR ({TRAILING})", "'invalid_json'"),
    (f"instr(shape, '{'ARRAY<' * MAX_DEPTH}') > 0", "'too_deep'"),
    ("NOT startswith(shape, 'OBJECT')", "'not_an_object'"),
    (_any(f"{TEXT.get(name, name)} IS NULL" for name in REQUIRED), "'missing_field'"),
    (f"NOT shape RLIKE '{KNOWN_MEMBERS}'", "'unknown_field'"),
    (f"NOT shape RLIKE '{RIGHT_TYPES}'", "'wrong_type'"),
    (_any(f"abs({name}) = double('Infinity')" for name in OF_TYPE["double"]), "'number_out_of_range'"),
    (_any(f"{TEXT[name]} IS NOT NULL AND {name} IS NULL" for name in OF_TYPE["timestamp"]), "'invalid_timestamp'"),
    (_any(f"{TEXT[name]} IS NOT NULL AND {name} IS NULL" for name in OF_TYPE["date"]), "'invalid_date'"),
    (_any(f"instr({name}, '\\u0000') > 0" for name in OF_TYPE["string"]), "'nul_character'"),
]


def _case(branches, otherwise="NULL"):
    return "CASE " + " ".join(f"WHEN {condition} THEN {value}" for condition, value in branches) + f" ELSE {otherwise} END"


def _bits():
    """The broken rules as a number: bit i for rule i."""
    return " | ".join(f"CASE WHEN {condition} THEN {1 << bit}L ELSE 0L END" for bit, (condition, _) in enumerate(RULES))


def _bytes_of_bits():
    """As the tables have them: least significant byte first."""
    digits = f"lpad(hex(broken), {2 * BITS_BYTES}, '0')"
    return "unhex(concat(" + ", ".join(f"substr({digits}, {2 * byte - 1}, 2)" for byte in range(BITS_BYTES, 0, -1)) + "))"


def _summary():
    texts = (f"CASE WHEN broken & {1 << bit}L <> 0 THEN {_literal(text)} END"
             for bit, (_, text) in enumerate(RULES[:-WARNINGS]))
    return f"concat_ws(', ', {', '.join(texts)})"


def _literal(text):
    return "'" + text.replace("'", "\\'") + "'"


def judged(source):
    """Kafka's rows to one row per record: verdict, and the columns of the table it belongs to."""
    corrupt = f"verdict = {CORRUPT}"
    # A projection a step: Spark evaluates what several columns need once, as long as it is a column by itself.
    return (
        source.selectExpr("key", "CAST(value AS STRING) AS value", "partition", "offset", "timestamp AS record_timestamp")
        .withColumn("j", F.from_json("value", SCHEMA, JSON_OPTIONS))
        .selectExpr("*", *(f"j.{name}" if name not in TEXT else f"j.{name} AS {TEXT[name]}" for name in FIELDS))
        .selectExpr("*", *(f"try_cast({text} AS {FIELDS[name][0]}) AS {name}" for name, text in TEXT.items()))
        .withColumn("usual", F.expr(f"coalesce({USUAL}, false)"))
        .withColumn("shape", F.expr("CASE WHEN NOT usual THEN schema_of_variant(try_parse_json(value)) END"))
        .withColumn("error_reason", F.expr(f"CASE WHEN NOT usual THEN {_case(REASONS)} END"))
        .withColumn("broken", F.expr(f"CASE WHEN error_reason IS NULL AND value IS NOT NULL THEN {_bits()} ELSE 0L END"))
        .withColumn("verdict", F.expr(_case([
            ("error_reason IS NOT NULL", str(CORRUPT)), ("value IS NULL", str(TOMBSTONE)),
            (f"broken & {FAILING}L <> 0", str(FAILED))], str(CLEAN))))
        .selectExpr(
            "CAST(verdict AS TINYINT) AS verdict", *FIELDS,
            f"CAST(CASE WHEN {corrupt} THEN substr(key, 1, {MAX_KEY_BYTES}) ELSE key END AS STRING) AS message_key",
            "partition AS kafka_partition", "offset AS kafka_offset",
            f"CASE WHEN broken <> 0 THEN {_bytes_of_bits()} END AS failed_rules",
            f"CASE WHEN verdict = {FAILED} THEN {_summary()} END AS qc_summary",
            "error_reason",
            f"CASE WHEN {corrupt} THEN replace(make_valid_utf8(left(value, {MAX_RAW_BYTES})), '\\u0000', '') END AS value_str",
            f"CASE WHEN {corrupt} THEN CAST(substr(CAST(value AS BINARY), 1, {MAX_RAW_BYTES}) AS BINARY) END AS raw",
            f"CASE WHEN {corrupt} THEN octet_length(value) END AS raw_length",
            f"CASE WHEN {corrupt} THEN unhex(sha2(CAST(value AS BINARY), 256)) END AS raw_sha256",
            # One that no sink can store is kept as none.
            "CASE WHEN record_timestamp >= TIMESTAMP'1970-01-01T00:00:00Z' THEN record_timestamp END AS record_timestamp"))
