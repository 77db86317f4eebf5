"""Prints the constants of tests/features.rs: NumPy's statistics of two small columns. Needs numpy alone."""

import numpy as np

age = np.array([41.0, np.nan, 52.5, 18.25, 63.0, np.nan, 29.75])
charge = np.array([1e6 + 0.1, 1e6 + 0.2, 1e6 + 0.4, 1e6 - 0.8, 1e6 + 1.6, 1e6 - 3.2, 1e6 + 6.4])


def standardized(column, fill):
    filled = np.where(np.isnan(column), fill, column)
    return (filled - filled.mean()) / filled.std()


for name, values in {
    "AGE_MEAN": standardized(age, np.nanmean(age)),
    "AGE_MEDIAN": standardized(age, np.nanmedian(age)),
    "AGE_CONSTANT": standardized(age, -1.0),
    "CHARGE": standardized(charge, 0.0),
}.items():
    print(f"const {name}: [f64; 7] = {[float(value) for value in values]};")
