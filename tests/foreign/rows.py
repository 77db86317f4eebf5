"""The first rows of a table, as the tests' clients send them."""

import csv


def read(path, count):
    with open(path, newline="") as file:
        return [row for _, row in zip(range(count), csv.DictReader(file))]


def column(rows, tensor):
    """The values of one column, by what the model's metadata says of it."""
    values = [row[tensor.name] for row in rows]
    return values if tensor.datatype == "BYTES" else [float(value) for value in values]
