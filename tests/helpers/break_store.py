#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""
break_store.py - damages a store in a named way: break_store.py WAY STORE

break_store.py alone lists the ways, each with the error that opening must give. It knows the
offsets from docs/STORAGE_FORMAT.md; the checksums that a way needs right it computes with the
second reader's function. The store must be one that `make_store golden` writes: reused, or the one that
is named after the error.
"""
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "reader"))
from read_store import crc32c  # noqa: E402

SLABS = ("few.t0.slab", "few.t1.slab")
DIRECTORY = 8192 + 4096


def patch(store, name, offset, data):
    with open(os.path.join(store, name), "r+b") as file:
        file.seek(offset)
        file.write(data)


def read(store, name, offset, size):
    with open(os.path.join(store, name), "rb") as file:
        file.seek(offset)
        return file.read(size)


def flip(store, name, offset):
    patch(store, name, offset, bytes([read(store, name, offset, 1)[0] ^ 0x40]))


def sealed(store, name, start, size, offset, data):
    """Patches a block of size bytes at start whose last four are its CRC, and makes that right."""
    patch(store, name, start + offset, data)
    crc = crc32c(read(store, name, start, size - 4))
    patch(store, name, start + size - 4, struct.pack("<I", crc))


def superblocks(store, offset, data):
    for start in (0, 4096):
        sealed(store, "store.rondo", start, 512, offset, data)


def later_copy(store):
    """Where the superblock copy is that counts."""
    sequence = [struct.unpack("<Q", read(store, "store.rondo", at + 24, 8))[0] for at in (0, 4096)]
    return 4096 * (sequence[1] > sequence[0])


def cut(store, name, by):
    path = os.path.join(store, name)
    os.truncate(path, os.path.getsize(path) - by)


def swap_slabs(store):
    one, two = (os.path.join(store, name) for name in SLABS)
    os.rename(one, one + ".x")
    os.rename(two, one)
    os.rename(one + ".x", two)


def damage_cells(store):
    """Every 7th cell of both slabs: a bit of the tag, of a value's exponent, of the tail, by turns."""
    for name in SLABS:
        size = os.path.getsize(os.path.join(store, name))
        for turn, at in enumerate(range(4096, size, 7 * 64)):
            flip(store, name, at + (0, 15, 57, 7)[turn % 4])


def half_a_call(store):
    """Of each histogram's latest call: the first lane that it changes, and the check, not written yet."""
    name, bounds, slots = "latency.t0.slab", 4, 3
    rows, lanes = struct.unpack("<II", read(store, name, 48, 8))
    for slot in range(slots):
        at = 4096 + rows * lanes * 64 + slot * 128
        tag, what = struct.unpack("<QQ", read(store, name, at, 16))
        number, place = tag & (1 << 42) - 1, what >> 56
        for lane in ((what & -what).bit_length() - 1, bounds + 2) if tag else ():
            cell = 4096 + (number % rows * lanes + slot * (bounds + 3) + lane) * 64
            patch(store, name, cell + 8 + 8 * place, struct.pack("<Q", 0x7FF7524F4E444F00))


WAYS = {
    "superblocks": ("RONDO_E_CORRUPT", lambda s: [flip(s, "store.rondo", at + 41)
                                                  for at in (0, 4096)]),
    "magic": ("RONDO_E_CORRUPT", lambda s: superblocks(s, 0, b"RONDOSTX")),
    "later-superblock": ("RONDO_OK", lambda s: flip(s, "store.rondo", later_copy(s) + 300)),
    "no-superblock": ("RONDO_E_CORRUPT", lambda s: [patch(s, "store.rondo", at, bytes(512))
                                                     for at in (0, 4096)]),
    "unfinished": ("RONDO_E_NOT_FOUND", lambda s: [patch(s, "store.rondo", at, bytes(size))
                                                   for at, size in ((0, 8192), (DIRECTORY, 8 * 512))]),
    "version-2": ("RONDO_E_VERSION", lambda s: superblocks(s, 12, b"\2")),
    "feature": ("RONDO_E_VERSION", lambda s: superblocks(s, 19, b"\x80")),
    "feature-to-ignore": ("RONDO_OK", lambda s: superblocks(s, 23, b"\x80")),
    "big-endian": ("RONDO_E_ENDIAN", lambda s: superblocks(s, 8, b"\1\2\3\4")),
    "schema": ("RONDO_E_CORRUPT", lambda s: flip(s, "store.rondo", 8192 + 2000)),
    "rows": ("RONDO_E_CORRUPT", lambda s: sealed(s, "store.rondo", 8192, 4096, 1024 + 24, b"\15")),
    "no-tiers": ("RONDO_E_CORRUPT", lambda s: sealed(s, "store.rondo", 8192, 4096, 576, b"\0")),
    "directory-cut": ("RONDO_E_CORRUPT", lambda s: cut(s, "store.rondo", 1)),
    "entry": ("RONDO_OK", lambda s: flip(s, "store.rondo", DIRECTORY + 512 + 41)),
    "entry-kind": ("RONDO_OK", lambda s: flip(s, "store.rondo", DIRECTORY + 26)),
    "entry-generation": ("RONDO_OK", lambda s: flip(s, "store.rondo", DIRECTORY + 1024 + 2)),
    "slab-header": ("RONDO_E_CORRUPT", lambda s: flip(s, SLABS[1], 500)),
    "slab-version": ("RONDO_E_VERSION", lambda s: sealed(s, SLABS[0], 0, 512, 12, b"\2")),
    "slab-endian": ("RONDO_E_ENDIAN", lambda s: sealed(s, SLABS[0], 0, 512, 8, b"\1\2\3\4")),
    "slab-of-another": ("RONDO_E_CORRUPT", lambda s: sealed(s, SLABS[0], 0, 512, 20, b"another")),
    "slab-cut": ("RONDO_E_CORRUPT", lambda s: cut(s, SLABS[1], 64)),
    "slab-longer": ("RONDO_E_CORRUPT", lambda s: cut(s, SLABS[1], -64)),
    "slabs-swapped": ("RONDO_E_CORRUPT", swap_slabs),
    "slab-missing": ("RONDO_E_CORRUPT", lambda s: os.remove(os.path.join(s, SLABS[1]))),
    "cells": ("RONDO_OK", damage_cells),
    "half-a-call": ("RONDO_OK", half_a_call, "histogram"),
}


def main(argv):
    if len(argv) == 1:
        for way, (error, _, *of) in WAYS.items():
            print(way, error, *of)
        return 0
    if len(argv) != 3 or argv[1] not in WAYS:
        print("usage: break_store.py [WAY STORE]", file=sys.stderr)
        return 2
    WAYS[argv[1]][1](argv[2])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
