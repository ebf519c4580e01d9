#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""
compare.py - whether JSON of series says the same: compare.py FILE DIRECTORY_OR_FILE

A directory stands for all its files together; their order does not matter, and empty ones have
nothing. A series is known by its name, function and interval. Numbers are compared bit by bit, times
as integers. Figures derived from histograms are left out, as the histograms are compared. Of a series that only one side describes further (labels, unit), what both have counts.
Prints how many points there were, or where the first differences are.
"""
import json
import os
import sys


def floats(value):
    if isinstance(value, dict):
        return {key: floats(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [floats(inner) for inner in value]
    return float(value).hex()


def documents(path):
    if os.path.isdir(path):
        for name in sorted(os.listdir(path)):
            yield from documents(os.path.join(path, name))
    elif os.path.getsize(path):
        with open(path, encoding="utf-8") as file:
            yield json.load(file)


def load(path):
    """{which series: (its members, {time: value})}"""
    found = {}
    for document in documents(path):
        for series in document["series"]:
            if series["kind"] == "histogram" and series["function"] != "histogram":
                continue
            key = f'{series["name"]} {series["function"]} {series["tier"]["interval_ns"]}'
            if key in found:
                sys.exit(f"{path}: {key} twice")
            points = series.pop("points")
            if [time for time, _ in points] != sorted({time for time, _ in points}):
                sys.exit(f"{path}: {key}: not in order of time")
            found[key] = series, {time: floats(value) for time, value in points}
    return found


def differences(one, two):
    for key in sorted(one.keys() | two.keys()):
        members, points = one.get(key, ({}, {}))
        other_members, other_points = two.get(key, ({}, {}))
        for member in members.keys() & other_members.keys():
            if members[member] != other_members[member]:
                yield f"{key}: {member}: {members[member]} | {other_members[member]}"
        for time in sorted(points.keys() | other_points.keys()):
            if points.get(time) != other_points.get(time):
                yield f"{key} at {time}: {points.get(time)} | {other_points.get(time)}"


def main(argv):
    if len(argv) != 3:
        print("usage: compare.py FILE DIRECTORY_OR_FILE", file=sys.stderr)
        return 2
    one, two = load(argv[1]), load(argv[2])
    found = list(differences(one, two))
    for line in found[:20]:
        print(line)
    if len(found) > 20:
        print(f"and {len(found) - 20} more differences")
    if not found:
        print(f"{len(one)} series, {sum(len(points) for _, points in one.values())} points")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
