"""Prints the constants of tests/report.rs: NumPy's statistics of 1000 numbers. Needs numpy alone."""

import numpy as np

values = np.array([(i * 7919 % 1009) / 7.0 + 1e6 for i in range(1000)])
shares = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]
counts, edges = np.histogram(values, bins=20)
print(f"const MEAN: f64 = {float(values.mean())!r};")
print(f"const SD: f64 = {float(values.std())!r};")
print(f"const QUANTILES: [f64; 7] = {[float(q) for q in np.quantile(values, shares)]};")
print(f"const COUNTS: [u64; 20] = {counts.tolist()};")
print(f"const EDGES: [f64; 21] = {edges.tolist()};")
