"""Writes comparisons.json beside this file: DeLong's test from its definition, McNemar's from statsmodels, Student's from scipy.

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


def paired(name, task, metric, labels, candidate, champion, losses):
    result = stats.ttest_rel(losses(candidate), losses(champion))
    sides = {"candidate": candidate.ravel().tolist(), "champion": champion.ravel().tolist()}
    expected = {"statistic": float(result.statistic), "p_value": float(result.pvalue)}
    return {"name": name, "task": task, "metric": metric, "labels": labels.astype(float).tolist(), **sides, **expected}


def paired_cases():
    own = np.random.default_rng(19080301)
    targets = own.normal(50, 20, 80).round(4)
    good, poor = (targets + own.normal(0, scale, 80).round(4) for scale in (3, 9))
    yield paired("far apart", "regression", "rmse", targets, good, poor, lambda side: (side - targets) ** 2)
    near = good + own.normal(0, 0.2, 80).round(4)
    yield paired("alike", "regression", "mae", targets, near, good, lambda side: np.abs(side - targets))
    few = slice(0, 3)
    yield paired("few rows", "regression", "mae", targets[few], near[few], poor[few], lambda side: np.abs(side - targets[few]))
    expected = own.gamma(2, 1.5, 150).round(4) + 0.01
    counts = own.poisson(expected)
    deviance = lambda side: 2 * (np.where(counts > 0, counts * np.log(np.maximum(counts, 1) / side), 0) - counts + side)
    yield paired("counts", "count", "deviance", counts, expected, np.full(150, 3.0), deviance)
    classes = own.integers(0, 3, 90)
    chances = lambda pull: (lambda raw: raw / raw.sum(axis=1, keepdims=True))(own.dirichlet(np.ones(3), 90) + pull * np.eye(3)[classes])
    one, other = chances(0.5), chances(0.4)
    surprise = lambda side: -np.log(side[np.arange(90), classes])
    yield paired("classes", "multiclass_classification", "log_loss", classes, one, other, surprise)
    squares = lambda side: ((side - np.eye(3)[classes]) ** 2).sum(axis=1)
    yield paired("classes", "multiclass_classification", "brier", classes, one, other, squares)
    right = [side.argmax(axis=1) == classes for side in (one, other)]
    table = [[0, np.sum(right[0] & ~right[1])], [np.sum(~right[0] & right[1]), 0]]
    result = mcnemar(table, exact=True)
    found = paired("classes", "multiclass_classification", "accuracy", classes, one, other, surprise)
    yield {**found, "statistic": float(result.statistic), "p_value": float(result.pvalue)}


(Path(__file__).parent / "paired.json").write_text(json.dumps(list(paired_cases())) + "\n")
(Path(__file__).parent / "comparisons.json").write_text(json.dumps(list(cases())) + "\n")
