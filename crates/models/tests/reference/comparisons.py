"""Writes comparisons.json beside this file: DeLong's test from its definition, McNemar's from statsmodels.

    python -m venv venv && venv/bin/pip install numpy scipy statsmodels && venv/bin/python comparisons.py
"""

import json
from pathlib import Path

import numpy as np
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

random = np.random.default_rng(19880903)


def components(labels, scores):
    """The kernel over all pairs of a positive and a negative: 1 for right, 1/2 for tied, 0 for wrong."""
    positives, negatives = scores[labels == 1], scores[labels == 0]
    kernel = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
    return kernel.mean(axis=1), kernel.mean(axis=0), kernel.mean()


def delong(labels, candidate, champion):
    a, b = components(labels, candidate), components(labels, champion)
    by_positives, by_negatives = np.cov(a[0], b[0]), np.cov(a[1], b[1])
    contrast = np.array([1, -1])
    variance = contrast @ (by_positives / len(a[0]) + by_negatives / len(a[1])) @ contrast
    z = (a[2] - b[2]) / np.sqrt(variance)
    return {"statistic": float(z), "p_value": float(2 * stats.norm.sf(abs(z)))}


def accuracy(labels, candidate, champion):
    right = [(scores >= 0.5).astype(int) == labels for scores in (candidate, champion)]
    table = [[np.sum(right[0] & right[1]), np.sum(right[0] & ~right[1])],
             [np.sum(~right[0] & right[1]), np.sum(~right[0] & ~right[1])]]
    result = mcnemar(table, exact=True)
    return {"statistic": float(result.statistic), "p_value": float(result.pvalue)}


def case(name, labels, candidate, champion):
    return {
        "name": name,
        "labels": [float(label) for label in labels],
        "candidate": [float(score) for score in candidate],
        "champion": [float(score) for score in champion],
        "delong": delong(labels, candidate, champion),
        "mcnemar": accuracy(labels, candidate, champion),
    }


def cases():
    labels = random.integers(0, 2, 300)
    noise = lambda share: np.clip(share * labels + (1 - share) * random.random(300), 0, 1).round(6)
    good, fair, poor = noise(0.4), noise(0.35), noise(0.1)
    yield case("alike", labels, good, fair)
    yield case("far apart", labels, good, poor)
    yield case("worse", labels, poor, fair)
    yield case("many ties", labels, good.round(1), fair.round(1))
    yield case("few rows", labels[:12], fair[:12], poor[:12])
    rare = (np.arange(300) % 50 == 0).astype(int)
    yield case("rare positives", rare, np.clip(fair + 0.1 * rare, 0, 1), poor)


(Path(__file__).parent / "comparisons.json").write_text(json.dumps(list(cases())) + "\n")
