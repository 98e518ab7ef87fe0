"""The hostile records of tests/data/hostile, as its README.md describes them, and good ones to put around them."""

import dataclasses
import datetime
import math
import re
import struct

from support.oracle import Expected
from support.stack import ROOT

FOLDER = ROOT / "tests/data/hostile"
TABLES = {"clean": "hostile_clean", "failed": "hostile_failed", "corrupt": "hostile_corrupt"}
RAW_FAMILY = "raw"  # what only RawProducer can send

# What the contract of the folder says, once more: the types are not taken from what is tested.
TYPES = {"id": str, "text": str, "code": str, "tiny": int, "small": int, "medium": int, "large": int, "big": int,
         "real": float, "ratio": float, "flag": bool, "day": datetime.date, "at": datetime.datetime,
         "clock": datetime.time}


@dataclasses.dataclass
class HostileRecord:
    family: str
    name: str
    expected: Expected
    key: bytes | None
    headers: list            # (name, value), both bytes; the value may be None
    timestamp: int | None    # milliseconds
    value: bytes | None
    columns: dict | None     # column -> value, of a record that has columns

    def __str__(self):
        return f"{self.family}: {self.name}"


def expand(text):
    """%XX is a byte, %(N*text) is text N times, everything else stands for itself."""
    def one(match):
        if match[1] is not None:
            return expand(match[2]) * int(match[1])
        return bytes([int(match[3], 16)])

    data = text if isinstance(text, bytes) else text.encode()
    return re.sub(rb"%(?:\((\d+)\*([^)]*)\)|([0-9A-F]{2}))", one, data)


def hostile_records():
    records = []
    for path in sorted(FOLDER.glob("*.txt")):
        section = None
        for line in path.read_text(encoding="utf-8").split("\n"):
            if line.startswith("== "):
                section = line[3:].split()
            elif line and not line.startswith("#"):
                try:
                    records.append(_record(path.stem, section, line))
                except (ValueError, KeyError, IndexError) as problem:
                    raise ValueError(f"{path}: {line[:100]!r}: {problem!r}") from problem
    return records


def _record(family, section, line):
    name, _, text = line.partition(" | ")
    name, _, options = name.partition(" ; ")
    verdict, *more = section
    reason = more.pop(0) if verdict == "corrupt" else None
    rules = more.pop(0).split(",") if verdict == "failed" else []
    where = dict(option.split("=", 1) for option in more)
    rules += where["warned"].split(",") if "warned" in where else []
    stored = None
    if verdict in ("clean", "failed"):
        text, arrow, stored = text.rpartition(" =>")
        if not arrow:
            raise ValueError("does not say what is stored")
        stored = stored[1:]
    value = None if verdict == "tombstone" else expand(text)
    columns = None if stored is None else {}
    if "in" in where:
        column = where["in"]
        value = (b'{"id":' if column == "id" else b'{"id":"hostile","' + column.encode() + b'":') + value + b"}"
        if stored is not None:
            columns = {"id": "hostile", column: _stored(column, stored)}
    elif stored is not None:
        columns = {column: _stored(column, text) for column, text in (word.split("=", 1) for word in stored.split())}
    key, headers, timestamp = _options(options.split())
    return HostileRecord(family, name, Expected(verdict, reason, tuple(sorted(rules))), key, headers, timestamp, value, columns)


def _options(words):
    key, headers, timestamp = None, [], None
    for word in words:
        option, _, text = word.partition("=")
        if option == "key":
            key = expand(text)
        elif option == "timestamp":
            timestamp = int(text)
        elif option == "header":
            many, _, header = text.partition("*") if re.match(r"\d+\*", text) else ("1", "", text)
            name, colon, value = header.partition(":")
            headers += [(expand(name), expand(value) if colon else None)] * int(many)
        else:
            raise ValueError(f"unknown option {option}")
    return key, headers, timestamp


def _stored(column, text):
    kind = TYPES[column]
    if kind is float:
        return float.fromhex(text) if "x" in text else float(text)
    if kind is bool:
        return {"true": True, "false": False}[text]
    if kind is datetime.datetime:
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    if kind is datetime.time:
        return datetime.time.fromisoformat(text)
    if kind is datetime.date:
        return datetime.date.fromisoformat(text)
    return kind(expand(text).decode())


def same(stored, expected):
    """To the last bit, and of the same type."""
    if isinstance(stored, float) and isinstance(expected, float):
        return struct.pack("d", stored) == struct.pack("d", expected)
    return type(stored) is type(expected) and stored == expected


def good_value(number, chance):
    """A clean record, with a double of any bits and an integer of any."""
    real = math.nan
    while not math.isfinite(real):
        real = struct.unpack("d", chance.randbytes(8))[0]
    big = chance.getrandbits(64) - (1 << 63)
    return (f'{{"id":"good-{number}","text":"Grüße 🚗 {number}","code":"GOOD","tiny":{number % 256},"small":{number % 32768},'
            f'"medium":{-number},"large":{number},"big":{big},"real":{real!r},"ratio":{chance.random()!r},'
            f'"flag":{"true" if number % 2 else "false"},"day":"2024-03-1{number % 3}",'
            f'"at":"2024-03-10T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.{number % 1000:03}Z",'
            f'"clock":"{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.{number % 1000:03}"}}').encode()
