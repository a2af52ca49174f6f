# SPDX-License-Identifier: Apache-2.0
"""Count, mean, standard deviation and median of every numeric column of the task's dataset, a CSV file with a header.

Reads $IEXEC_IN/$IEXEC_DATASET_FILENAME, writes $IEXEC_OUT/result.json and $IEXEC_OUT/computed.json.
"""
import csv
import json
import math
import os
import statistics
import sys


def number(text):
    """The number in a cell, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def columns(path):
    """The columns in which every cell that is not empty is a number, by name in the file's order."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        cells = [[] for _ in header]
        numeric = [True] * len(header)
        for row in rows:
            for index, text in enumerate(row[: len(header)]):
                if text == "" or not numeric[index]:
                    continue
                value = number(text)
                numeric[index] = value is not None
                cells[index].append(value)
    return {name: cells[i] for i, name in enumerate(header) if numeric[i] and cells[i]}


def summary(values):
    mean = statistics.fmean(values)
    deviation = 0.0
    if len(values) > 1:
        deviation = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1))
    return {
        "count": len(values),
        "mean": mean,
        "standard_deviation": deviation,
        "median": statistics.median(values),
    }


def main():
    source = os.path.join(os.environ.get("IEXEC_IN", "/iexec_in"), os.environ["IEXEC_DATASET_FILENAME"])
    out = os.environ.get("IEXEC_OUT", "/iexec_out")
    result = {name: summary(values) for name, values in columns(source).items()}
    path = os.path.join(out, "result.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=2)
        file.write("\n")
    with open(os.path.join(out, "computed.json"), "w", encoding="utf-8") as file:
        json.dump({"deterministic-output-path": path}, file)
    print(f"{len(result)} columns")


if __name__ == "__main__":
    sys.exit(main())
