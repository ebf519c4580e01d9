#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""
read_store.py - a second reader of stores, written from docs/STORAGE_FORMAT.md alone

    read_store.py STORE [--tier N] [--function NAME]

Prints what rondo-bpf-cli query --json with these two options does; without one of them, all tiers or
all functions there are. Histograms come in the same shape, with the function "histogram".

Shares no line and no constant with librondo, so that each checks the other and both the document.
It never writes. A store that can't be opened ends it with status 1 and the error's name, as rondo.h
has it, on standard error. It needs nothing but Python's standard library.
"""
import mmap
import os
import struct
import sys

EMPTY = 0x7FF7524F4E444F00
ORDER = 0x01020304
SWAPPED = 0x04030201
KINDS = {1: "gauge", 2: "counter", 3: "histogram"}
FUNCTIONS = ("avg", "min", "max", "last", "sum", "count", "total", "rate", "histogram")
SUM, MIN, MAX, LAST, TOTAL = range(5)  # lanes, as bits of a tier's set
LANE_OF = {"avg": SUM, "sum": SUM, "count": SUM, "rate": SUM,
           "min": MIN, "max": MAX, "last": LAST, "total": TOTAL}
# What holds of a window however little of it is known.
ALWAYS = ("count", "total")
ALWAYS_OF_COUNTERS = ("sum", "max")


class StoreError(Exception):
    """name is that of one of rondo.h's errors."""

    def __init__(self, name, text):
        super().__init__(f"{name}: {text}")


def corrupt(text):
    return StoreError("RONDO_E_CORRUPT", text)


def crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)  # 0x1EDC6F41, reflected
        table.append(byte)
    return table


CRC_TABLE = crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283


def text_of(data):
    return data.split(b"\0")[0].decode()


def f64(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


def bits_of(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0]


def share(lane, x):
    """What a histogram's lane adds to the check."""
    x = (x + (lane + 1) * 0x9E3779B97F4A7C15) % 2**64
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ x >> 27) * 0x94D049BB133111EB % 2**64
    return x ^ x >> 31


def fits(slots):
    """Whether the last slot is the check of the others."""
    return sum(share(lane, x) for lane, x in enumerate(slots[:-1])) % 2**62 == slots[-1]


def finite(value):
    return value - value == 0


class File:
    """A mapped file. Numbers are read each by one access, as a live store wants it."""

    def __init__(self, path, absent="RONDO_E_CORRUPT"):
        self.path = path
        try:
            with open(path, "rb") as file:
                self.size = os.fstat(file.fileno()).st_size
                self.map = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) if self.size else b""
        except FileNotFoundError:
            raise StoreError(absent, f"{path} is not there") from None
        self.words = memoryview(self.map)[:self.size & ~7].cast("Q")

    def get(self, layout, offset):
        return struct.unpack_from("<" + layout, self.map, offset)

    def u64(self, offset):
        return self.words[offset // 8]

    def bytes(self, offset, size):
        return bytes(self.map[offset:offset + size])

    def checked(self, offset, size):
        """Whether the last four of size bytes are the CRC of the others."""
        return crc32c(self.bytes(offset, size - 4)) == self.get("I", offset + size - 4)[0]


class Tier:
    def __init__(self, file, offset, number):
        self.number = number
        self.interval, retention, functions, lanes, self.rows = file.get("QQIII", offset)
        ticks = -(-retention // self.interval)
        self.functions = functions
        self.set = lanes
        # From the set's lowest bit up: where in a series' share of a row each lane is.
        bits = [bit for bit in range(5) if lanes >> bit & 1]
        self.place = {bit: i for i, bit in enumerate(bits)}
        self.lanes = len(bits)
        if number == 0:
            self.lanes = 1
        if self.rows != (-(-ticks // 6) + 1) | 1:
            raise corrupt(f"{file.path}: {self.rows} rows for a retention of {ticks} windows")


class Schema:
    def __init__(self, file, index):
        at = 8192 + 4096 * index
        if not file.checked(at, 4096):
            raise corrupt(f"{file.path}: checksum of schema {index}")
        self.index = index
        self.name = text_of(file.bytes(at, 64))
        n_tiers, self.max_series, _, n_bounds = file.get("IIII", at + 576)
        self.xff = file.get("d", at + 616)[0]
        if not 1 <= n_tiers <= 44 or n_bounds > 46 or not self.max_series:
            raise corrupt(f"{file.path}: numbers of schema {index}")
        self.bounds = file.get(f"{n_bounds}d", at + 640)
        self.tiers = [Tier(file, at + 1024 + 64 * t, t) for t in range(n_tiers)]
        if n_bounds:
            for tier in self.tiers:
                tier.lanes = n_bounds + 3

    def ticks(self, tier):
        """How many finest ticks a window of the tier has."""
        return tier.interval // self.tiers[0].interval


class Slab:
    def __init__(self, store, schema, tier):
        path = os.path.join(store.path, f"{schema.name}.t{tier.number}.slab")
        self.file = file = File(path)
        self.lanes = schema.max_series * tier.lanes
        self.journal = size = 4096 + tier.rows * self.lanes * 64
        if schema.bounds and tier.number == 0:
            self.journal_size = -(-8 * (len(schema.bounds) + 5) // 64) * 64
            size += schema.max_series * self.journal_size
        if file.size < 4096:
            raise corrupt(f"{path}: {file.size} bytes")
        magic, order, version = file.get("8sII", 0)
        if magic != b"RONDOSLB":
            raise corrupt(f"{path}: magic")
        if order == SWAPPED:
            raise StoreError("RONDO_E_ENDIAN", path)
        if not file.checked(0, 512):
            raise corrupt(f"{path}: checksum of the header")
        if version != 1:
            raise StoreError("RONDO_E_VERSION", path)
        want = (store.uuid, schema.index, tier.number, tier.interval, tier.rows, self.lanes, size)
        if file.get("16sIIQIIQ", 16) != want:
            raise corrupt(f"{path}: of another store, schema or tier")
        if file.size != size:
            raise corrupt(f"{path}: {file.size} bytes, not {size}")

    def cell(self, row, lane):
        """The cell's tag, six words and tail; None if it was written meanwhile."""
        at = 4096 + (row * self.lanes + lane) * 64
        tag = self.file.u64(at)
        words = [self.file.u64(at + 8 + 8 * i) for i in range(6)]
        tail = self.file.u64(at + 56)
        return (tag, words, tail) if self.file.u64(at) == tag else None


class Series:
    def __init__(self, schema, slot, generation, kind, key, unit):
        self.schema = schema
        self.slot = slot
        self.generation = generation
        self.kind = KINDS[kind]
        self.name, self.labels = parse_key(key)
        self.unit = unit


def parse_key(key):
    """name{a="v",b="w"}, with \\\\, \\" and \\n in the values."""
    if not key.endswith("}"):
        return key, {}
    name, rest = key[:-1].split("{", 1)
    labels = {}
    while rest:
        label, rest = rest.split('="', 1)
        value, i = "", 0
        while rest[i] != '"':
            if rest[i] == "\\":
                i += 1
                value += "\n" if rest[i] == "n" else rest[i]
            else:
                value += rest[i]
            i += 1
        labels[label] = value
        rest = rest[i + 1:].removeprefix(",")
    return name, labels


class Store:
    def __init__(self, path):
        self.path = path
        self.file = file = File(os.path.join(path, "store.rondo"), "RONDO_E_NOT_FOUND")
        at = self.superblock()
        _, _, version, must_know = file.get("8sIII", at)
        if version != 1:
            raise StoreError("RONDO_E_VERSION", f"format version {version}")
        if must_know:
            raise StoreError("RONDO_E_VERSION", f"features {must_know:#x}")
        self.uuid = file.bytes(at + 48, 16)
        n_schemas, self.entry_size, self.directory, size = file.get("IIQQ", at + 64)
        if file.size != size or not 1 <= n_schemas <= 64:
            raise corrupt(f"{file.path}: {file.size} bytes, not {size}")
        self.schemas = [Schema(file, i) for i in range(n_schemas)]
        self.slabs = [[Slab(self, s, t) for t in s.tiers] for s in self.schemas]
        self.seen = {}

    def superblock(self):
        """Where the valid copy with the higher sequence is."""
        file = self.file
        found = []
        seen = swapped = False
        for at in (0, 4096):
            if file.size < at + 512:
                continue
            magic, order = file.get("8sI", at)
            seen = seen or any(file.bytes(at, 512))
            swapped = swapped or magic == b"RONDOSTO" and order == SWAPPED
            if magic == b"RONDOSTO" and order == ORDER and file.checked(at, 512):
                found.append((file.u64(at + 24), at))
        if not seen and self.was_store():
            raise corrupt(f"{file.path}: both superblocks are gone")
        if not seen:
            raise StoreError("RONDO_E_NOT_FOUND", f"{file.path} has no superblock")
        if not found and swapped:
            raise StoreError("RONDO_E_ENDIAN", file.path)
        if not found:
            raise corrupt(f"{file.path}: both superblocks")
        return max(found)[1]

    def was_store(self):
        """Whether there is anything of a file without a superblock."""
        file = self.file
        if file.size >= 2056 and file.u64(2048):
            return True
        return any(self.strings(at, file.size - at) for at in range(8192, file.size - 40, 256))

    def series(self):
        first = self.directory
        for schema in self.schemas:
            for slot in range(schema.max_series):
                series = self.entry(schema, slot, first + slot * self.entry_size)
                if series:
                    yield series
            first += schema.max_series * self.entry_size

    def strings(self, at, size):
        """Key, unit and help of the live entry in this many bytes, if it is one."""
        state, _, crc, *lengths = self.file.get("QQIHHH", at)
        length = sum(lengths)
        if state & 255 != 2 or 40 + length > size:
            return None
        generation = struct.pack("<I", state >> 8 & 0x3FFFFF)
        strings = self.file.bytes(at + 40, length)
        if crc != crc32c(generation + self.file.bytes(at + 20, 20) + strings):
            return None
        key, unit, _ = lengths
        return strings[:key], strings[key:key + unit], strings[key + unit:]

    def entry(self, schema, slot, at):
        state = self.file.u64(at)
        strings = self.strings(at, self.entry_size)
        kind, number, own_slot = self.file.get("BBI", at + 26)
        if not strings or self.file.u64(at) != state or (number, own_slot) != (schema.index, slot):
            return None
        return Series(schema, slot, state >> 8 & 0x3FFFFF, kind, strings[0].decode(),
                      strings[1].decode())

    def lane(self, series, tier, lane):
        """{tick or window number: (value, cover)} of one lane; in the finest tier the cover is 1."""
        key = series.schema.index, series.slot, series.generation, tier.number, lane
        if key not in self.seen:
            self.seen[key] = self.read_lane(series, tier, lane)
        return self.seen[key]

    def read_lane(self, series, tier, lane):
        slab = self.slabs[series.schema.index][tier.number]
        found = {}
        for row in range(tier.rows):
            cell = slab.cell(row, series.slot * tier.lanes + lane)
            if not cell:
                continue
            tag, words, tail = cell
            number = tag & (1 << 42) - 1
            if tag >> 42 != series.generation or number % tier.rows != row:
                continue
            if tail != tag if tier.number == 0 else tail & 15 != number & 15:
                continue
            for i, bits in enumerate(words):
                cover = 1 if tier.number == 0 else tail >> 4 + 10 * i & 1023
                value = f64(bits)
                if bits != EMPTY and finite(value) and cover:
                    found[number * 6 + i] = (value, cover)
        return found

    def known(self, series, tier, cover):
        """How many finest ticks a cover stands for."""
        ticks = series.schema.ticks(tier)
        return cover if ticks <= 1023 else cover * ticks // 1023

    def points(self, series, tier, function):
        """[(time, value)], or None if the tier has nothing of the kind for the series."""
        schema = series.schema
        if series.kind == "histogram":
            return None
        if function in ("total", "rate") and series.kind != "counter":
            return None
        if tier.number == 0:
            found = self.finest(series, function)
        elif LANE_OF[function] in tier.place:
            found = {}
            for window, (value, cover) in \
                    self.lane(series, tier, tier.place[LANE_OF[function]]).items():
                known = self.known(series, tier, cover)
                if self.too_little(series, tier, known, function):
                    continue
                if function == "avg":
                    value /= known
                elif function == "count":
                    value = float(known)
                elif function == "rate":
                    value /= tier.interval / 1e9
                found[window] = value
        else:
            return None
        if found is None:
            return None
        return [(n * tier.interval, found[n]) for n in sorted(found)]

    def too_little(self, series, tier, known, function):
        if function in ALWAYS or series.kind == "counter" and function in ALWAYS_OF_COUNTERS:
            return False
        ticks = series.schema.ticks(tier)
        return ticks - known > series.schema.xff * ticks

    def finest(self, series, function):
        tiers = series.schema.tiers
        ticks = {n: value for n, (value, _) in self.lane(series, tiers[0], 0).items()}
        if function == "count":
            return dict.fromkeys(ticks, 1.0)
        if function == "rate":
            return {n: value / (tiers[0].interval / 1e9) for n, value in ticks.items()}
        if function != "total":
            return ticks
        if len(tiers) < 2 or TOTAL not in tiers[1].place:
            return None
        return self.totals(series, ticks) if ticks else {}

    def totals(self, series, ticks):
        """Cumulative, of the finest ticks that the ring is sure to hold."""
        finest, upper = series.schema.tiers[:2]
        ratio = series.schema.ticks(upper)
        totals = {w: v for w, (v, _) in
                  self.lane(series, upper, upper.place[TOTAL]).items()}
        sums = self.lane(series, upper, upper.place[SUM])
        ordered = sorted(ticks)
        cells = self.cells(series, finest, 0)
        first = max(cells[-1] + 1 - finest.rows, cells[0]) * 6
        if totals and not cells[-1] + 1 < finest.rows + cells[0]:
            first = -(-first // ratio) * ratio

        def added(begin, end):
            total = 0.0
            for n in ordered:
                if begin <= n < end:
                    total += ticks[n]
            return total

        before = max((w for w in totals if w < first // ratio), default=None)
        after = min((w for w in totals if w >= first // ratio and w in sums), default=None)
        if not totals:
            total = added(0, first)
        elif before is not None and \
                before >= 6 * (self.cells(series, upper, upper.place[TOTAL])[-1] + 2 - upper.rows):
            total = totals[before] + added((before + 1) * ratio, first)
        elif after is not None:
            first = max(first, after * ratio)
            total = max(totals[after] - sums[after][0], 0.0) + added(after * ratio, first)
        else:
            return {}
        told = {}
        end = first // ratio
        for n in ordered:
            if n < first:
                continue
            for window in range(end, n // ratio):
                total = max(total, totals.get(window, 0.0))
            end = n // ratio
            total += ticks[n]
            told[n] = total
        return told

    def cells(self, series, tier, lane):
        """The numbers of the lane's cells, ascending."""
        slab = self.slabs[series.schema.index][tier.number]
        found = (slab.cell(row, series.slot * tier.lanes + lane) for row in range(tier.rows))
        numbers = ((cell[0] >> 42, cell[0] & (1 << 42) - 1, row)
                   for row, cell in enumerate(found) if cell)
        return sorted(number for generation, number, row in numbers
                      if generation == series.generation and number % tier.rows == row)

    def histograms(self, series, tier):
        lanes = [self.lane(series, tier, i) for i in range(tier.lanes)]
        points = []
        for n in sorted(set().union(*lanes)):
            found = [bits_of(lane[n][0]) if n in lane else EMPTY for lane in lanes]
            if not fits(found):
                found = self.after_call(series, tier, n, found)
            values = [f64(bits) for bits in found[:-1]]
            if fits(found) and all(finite(value) for value in values):
                cover = lanes[-1][n][1] if tier.number else 1
                points.append((n * tier.interval,
                               {"known": self.known(series, tier, cover),
                                "count": sum(values[:-1], 0.0), "sum": values[-1],
                                "buckets": values[:-1]}))
        return points

    def after_call(self, series, tier, tick, found):
        """The tick's slots with what the journal has of them."""
        if tier.number:
            return found
        slab = self.slabs[series.schema.index][0]
        at = slab.journal + series.slot * slab.journal_size
        tag, what = slab.file.u64(at), slab.file.u64(at + 8)
        if tag != series.generation << 42 | tick // 6 or what >> 56 != tick % 6:
            return found
        lanes = [lane for lane in range(56) if what >> lane & 1]
        if lanes and lanes[-1] >= tier.lanes - 1:
            return found
        found = found[:]
        for i, lane in enumerate(lanes):
            found[lane] = slab.file.u64(at + 24 + 8 * i)
        found[-1] = slab.file.u64(at + 16)
        return found


def quote(text):
    out = ""
    for c in text:
        if c in '"\\':
            out += "\\" + c
        elif c < " " or c == "\x7f":
            out += f"\\u{ord(c):04x}"
        else:
            out += c
    return f'"{out}"'


def to_json(value):
    if isinstance(value, dict):
        return "{" + ",".join(f"{quote(k)}:{to_json(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(to_json(v) for v in value) + "]"
    return quote(value) if isinstance(value, str) else repr(value)


def unit_of(series, function):
    if function == "count":
        return ""
    return (series.unit or "1") + "/s" if function == "rate" else series.unit


def stretch(store, series, tier, function):
    """One object of the output; None without a point."""
    if function == "histogram":
        points = store.histograms(series, tier) if series.kind == "histogram" else None
    else:
        points = store.points(series, tier, function)
    if not points:
        return None
    return {"name": series.name, "labels": series.labels, "unit": unit_of(series, function),
            "kind": series.kind, "function": function,
            "tier": {"interval_ns": tier.interval}, "points": points}


def stretches(store, number, functions):
    for series in store.series():
        for tier in series.schema.tiers:
            if number in (None, tier.number):
                found = (stretch(store, series, tier, function) for function in functions)
                yield from (one for one in found if one)


def main(argv):
    path, tier, functions = None, None, FUNCTIONS
    words = iter(argv[1:])
    for word in words:
        if word == "--tier":
            tier = int(next(words, "0"))
        elif word == "--function":
            functions = [next(words, "")]
        elif path is None:
            path = word
        else:
            functions = [""]
    if not path or not set(FUNCTIONS) >= set(functions):
        print("usage: read_store.py STORE [--tier N] [--function NAME]", file=sys.stderr)
        return 2
    try:
        store = Store(path)
    except StoreError as error:
        print(error, file=sys.stderr)
        return 1
    lines = ",\n".join(to_json(one) for one in stretches(store, tier, functions))
    print('{"series":[\n' + lines + "\n]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
