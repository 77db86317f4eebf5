"""Writes psi.json: bins, counts and the population stability index between samples, by numpy alone."""

import json
from pathlib import Path

import numpy as np


def binned(scores, edges):
    """Rows in (-inf, e0], (e0, e1], ..., (en, inf)."""
    return np.bincount(np.searchsorted(edges, scores, side="left"), minlength=len(edges) + 1)


def index(expected, found):
    q, p = (np.maximum(counts / counts.sum(), 1e-4) for counts in (expected, found))
    return float(np.sum((p - q) * np.log(p / q)))


def cases():
    random = np.random.default_rng(7)
    base = random.beta(2, 5, 5000)
    samples = {
        "the same": base,
        "another sample": random.beta(2, 5, 3000),
        "a little higher": random.beta(2.3, 5, 4000),
        "far away": random.beta(5, 2, 4000),
        "one value": np.full(100, 0.99),
    }
    deciles = np.unique(np.quantile(base, np.arange(1, 10) / 10))
    for name, scores in samples.items():
        yield case(name, deciles, base, scores)
    ties = random.choice([0.1, 0.1, 0.1, 0.5, 0.9], 1000)
    yield case("many ties", np.unique(np.quantile(ties, np.arange(1, 10) / 10)), ties, random.random(500))


def case(name, edges, before, after):
    expected, found = binned(before, edges), binned(after, edges)
    return {"name": name, "expected": expected.tolist(), "found": found.tolist(), "psi": index(expected, found)}


Path(__file__).with_suffix(".json").write_text(json.dumps(list(cases())) + "\n")
