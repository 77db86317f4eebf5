"""Scores a Parquet file with LightGBM on one thread, as its users do, and prints what that took as JSON.

    python score.py model.txt rows.parquet scores.parquet
"""

import json
import resource
import sys
import time

import lightgbm
import pyarrow
import pyarrow.parquet

model, rows, scores = sys.argv[1:]
pyarrow.set_cpu_count(1)
booster = lightgbm.Booster(model_file=model)
start = time.perf_counter()
values = pyarrow.parquet.read_table(rows, use_threads=False).to_pandas()
read = time.perf_counter()
predicted = booster.predict(values, num_threads=1)
ready = time.perf_counter()
pyarrow.parquet.write_table(pyarrow.table({"score": predicted}), scores)
end = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"predict": ready - read, "whole": end - start, "peak": peak, "mean": float(predicted.mean())}))
