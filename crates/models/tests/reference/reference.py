"""Writes metrics.json and logistic_regression.json beside this file with scikit-learn.

    python -m venv venv && venv/bin/pip install scikit-learn && venv/bin/python reference.py
"""

import json
from pathlib import Path

import numpy as np
from sklearn import metrics
from sklearn.linear_model import LogisticRegression

HERE = Path(__file__).parent
random = np.random.default_rng(20240229)


def classification(name, labels, scores, threshold):
    predicted = (np.asarray(scores) >= threshold).astype(int)
    expected = {
        "auc": metrics.roc_auc_score(labels, scores),
        "accuracy": metrics.accuracy_score(labels, predicted),
        "precision": metrics.precision_score(labels, predicted, zero_division=0),
        "recall": metrics.recall_score(labels, predicted),
        "f1": metrics.f1_score(labels, predicted),
        "log_loss": metrics.log_loss(labels, scores),
        "brier": metrics.brier_score_loss(labels, scores),
    }
    return case(name, "binary_classification", labels, scores, threshold, expected)


def regression(name, targets, predictions, task="regression"):
    expected = {
        "rmse": metrics.root_mean_squared_error(targets, predictions),
        "mae": metrics.mean_absolute_error(targets, predictions),
    }
    if len(targets) > 1:
        expected["r2"] = metrics.r2_score(targets, predictions)
    if task == "count":
        expected["deviance"] = metrics.mean_poisson_deviance(targets, predictions)
    return case(name, task, targets, predictions, 0.5, expected)


def multiclass(name, labels, scores):
    predicted, known = np.argmax(scores, axis=1), range(scores.shape[1])
    means = {"average": "macro", "labels": known, "zero_division": 0}
    expected = {
        "auc": metrics.roc_auc_score(labels, scores, multi_class="ovr"),
        "accuracy": metrics.accuracy_score(labels, predicted),
        "precision": metrics.precision_score(labels, predicted, **means),
        "recall": metrics.recall_score(labels, predicted, **means),
        "f1": metrics.f1_score(labels, predicted, **means),
        "log_loss": metrics.log_loss(labels, scores),
        "brier": metrics.brier_score_loss(labels, scores),
    }
    return case(name, "multiclass_classification", labels, scores.ravel(), 0.5, expected)


def case(name, task, labels, scores, threshold, expected):
    return {
        "name": name,
        "task": task,
        "labels": [float(label) for label in labels],
        "scores": [float(score) for score in scores],
        "threshold": threshold,
        "expected": {metric: float(value) for metric, value in expected.items()},
    }


def metric_cases():
    labels = random.integers(0, 2, 200)
    smooth = np.clip(0.3 * labels + 0.7 * random.random(200), 0, 1).round(6)
    yield classification("smooth", labels, smooth, 0.5)
    yield classification("many ties", labels, smooth.round(1), 0.5)
    yield classification("all tied", labels, np.full(200, 0.5), 0.5)
    yield classification("certain and wrong", [0, 1, 0, 1], [1.0, 0.0, 0.0, 1.0], 0.5)
    yield classification("nothing predicted positive", [0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], 0.9)
    yield classification("everything predicted positive", [0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], 0.0)
    yield classification("rare positives", np.arange(200) % 50 == 0, smooth, 0.35)
    targets = random.normal(50, 20, 100).round(4)
    yield regression("numbers", targets, (targets + random.normal(0, 3, 100)).round(4))
    yield regression("large numbers", targets * 1e6, targets * 1e6 + 1.5)
    yield regression("one row", [2.0], [-1.0])
    own = np.random.default_rng(20240318)
    labels = own.integers(0, 4, 120)
    chances = own.dirichlet(np.ones(4), 120) + np.eye(4)[labels] * 0.4
    chances /= chances.sum(axis=1, keepdims=True)
    yield multiclass("four classes", labels, chances)
    ties = np.tile([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.5, 0.5, 0.0]], (10, 1))
    yield multiclass("ties, a class never predicted", own.permutation(np.arange(30) % 3), ties)
    yield multiclass("certain and wrong", np.array([0, 1, 2]), np.eye(3)[[1, 2, 2]])
    expected = own.gamma(2, 1.5, 150).round(4) + 0.01
    yield regression("counts", own.poisson(expected), expected, "count")


def logistic_cases():
    rows = 240
    first = random.normal(0, 1, rows)
    nearly_first = first + 0.05 * random.normal(0, 1, rows)
    large = 40 + 12 * random.normal(0, 1, rows)
    features = np.column_stack([first, nearly_first, large, random.integers(0, 2, rows)]).round(6)
    margin = 1.5 * features[:, 0] - 0.5 * features[:, 1] + 0.08 * (features[:, 2] - 40) - features[:, 3] - 0.4
    labels = (random.random(rows) < 1 / (1 + np.exp(-margin))).astype(int)
    fits = []
    for c, intercept in [(1.0, True), (0.01, True), (1000.0, True), (1.0, False)]:
        model = LogisticRegression(C=c, fit_intercept=intercept, solver="newton-cholesky", tol=1e-14, max_iter=1000)
        model.fit(features, labels)
        fits.append(
            {
                "c": c,
                "fit_intercept": intercept,
                "weights": [float(weight) for weight in model.coef_[0]],
                "intercept": float(np.ravel(model.intercept_)[0]),
            }
        )
    return {"features": features.tolist(), "labels": [float(label) for label in labels], "fits": fits}


(HERE / "metrics.json").write_text(json.dumps(list(metric_cases())) + "\n")
(HERE / "logistic_regression.json").write_text(json.dumps(logistic_cases()) + "\n")
