"""Writes the JSON files beside this file with SciPy and scikit-learn.

    python -m venv venv && venv/bin/pip install scikit-learn && venv/bin/python reference.py [MATCHES]

MATCHES is a table of the 2017-2018 season like season.csv; without it, arsenal.json stays as it is.
Every fit is made by two optimisers from gradients of a complex step, and refused if they disagree.
"""

import csv
import json
import sys
from datetime import date
from pathlib import Path

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, gammaln, logit
from scipy.stats import poisson
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV, _sigmoid_calibration
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

HERE = Path(__file__).parent
random = np.random.default_rng(20180513)


def agree(loss, start, within=1e-7):
    """The minimum of `loss`, found twice."""

    def gradient(point):
        steps = np.eye(len(point)) * 1e-30j
        return np.array([loss(point + step).imag / 1e-30 for step in steps])

    def value(point):
        return loss(point.astype(complex)).real

    first = minimize(value, start, jac=gradient, method="BFGS", options={"gtol": 1e-10, "maxiter": 5000})
    options = {"gtol": 1e-11, "ftol": 1e-16, "maxiter": 50000, "maxfun": 500000, "maxcor": 50}
    second = minimize(value, start, jac=gradient, method="L-BFGS-B", options=options)
    gradients = [float(np.linalg.norm(gradient(found.x))) for found in (first, second)]
    assert max(gradients) < 1e-4, gradients
    assert abs(first.fun - second.fun) < within, (first.fun, second.fun)
    best, other = (first, second) if gradients[0] < gradients[1] else (second, first)
    return best.x, best.fun, other.x


def read(path):
    with open(path) as file:
        rows = list(csv.DictReader(file))
    return (
        [date.fromisoformat(row["date"]) for row in rows],
        [row["home_team"] for row in rows],
        [row["away_team"] for row in rows],
        np.array([int(row["home_goals"]) for row in rows]),
        np.array([int(row["away_goals"]) for row in rows]),
    )


def correction(x, y, home, away, rho):
    factor = np.ones_like(home)
    factor = np.where((x == 0) & (y == 0), 1 - home * away * rho, factor)
    factor = np.where((x == 0) & (y == 1), 1 + home * rho, factor)
    factor = np.where((x == 1) & (y == 0), 1 + away * rho, factor)
    return np.where((x == 1) & (y == 1), 1 - rho, factor)


def strengths(matches, correlated, xi, reference):
    days, home, away, x, y = matches
    teams = sorted(set(home))
    n = len(teams)
    h, a = np.array([teams.index(team) for team in home]), np.array([teams.index(team) for team in away])
    weights = np.exp(-xi * np.array([(reference - day).days for day in days]))

    def loss(point):
        # The last attack is what makes the sum zero.
        attack = np.append(point[: n - 1], -point[: n - 1].sum())
        defence = point[n - 1 : 2 * n - 1]
        home = np.exp(attack[h] + defence[a] + point[2 * n - 1])
        away = np.exp(attack[a] + defence[h])
        rho = point[2 * n] if correlated else 0.0
        goals = x * np.log(home) - home - gammaln(x + 1) + y * np.log(away) - away - gammaln(y + 1)
        factor = correction(x, y, home, away, rho)
        if (factor.real <= 0).any():
            return complex(1e6)
        return -(weights * (goals + np.log(factor))).sum()

    point, value, other = agree(loss, np.zeros(2 * n + int(correlated)))
    assert np.abs(point - other).max() < 1e-4
    attack = np.append(point[: n - 1], -point[: n - 1].sum())
    return {
        "scores": "dixon_coles" if correlated else "independent",
        "xi": xi,
        "reference_date": int(reference.strftime("%Y%m%d")),
        "teams": teams,
        "attacks": attack.tolist(),
        "defences": point[n - 1 : 2 * n - 1].tolist(),
        "home_advantage": float(point[2 * n - 1]),
        "correlation": float(point[2 * n]) if correlated else 0.0,
        "log_likelihood": float(-value),
    }


def outcomes(fit, home, away):
    h, a = fit["teams"].index(home), fit["teams"].index(away)
    means = (
        np.exp(fit["attacks"][h] + fit["defences"][a] + fit["home_advantage"]),
        np.exp(fit["attacks"][a] + fit["defences"][h]),
    )
    cells = np.outer(poisson.pmf(range(11), means[0]), poisson.pmf(range(11), means[1]))
    for i in range(2):
        for j in range(2):
            cells[i, j] *= correction(np.array([i]), np.array([j]), np.array([means[0]]), means[1], fit["correlation"])[0]
    return [float(np.tril(cells, -1).sum()), float(np.trace(cells)), float(np.triu(cells, 1).sum())]


def draws(fit, matches):
    """A and B of `p' = 1 / (1 + exp(-(A logit(p) + B)))` on the fitted matches."""
    _, home, away, x, y = matches
    p = np.array([outcomes(fit, *pair)[1] for pair in zip(home, away)])
    drawn = (x == y).astype(float)

    def loss(point):
        margin = point[0] * logit(p) + point[1]
        return (np.log(1 + np.exp(margin)) - drawn * margin).sum()

    point, value, other = agree(loss, np.array([1.0, 0.0]), within=1e-9)
    assert np.abs(point - other).max() < 1e-6
    return {"a": float(point[0]), "b": float(point[1]), "log_likelihood": float(-value)}


CLASSES = ["home", "draw", "away"]


def forecasts(rows, sharpness):
    """Random probabilities, and outcomes that they overstate."""
    logits = random.normal(0, 1, (rows, 3)) + [0.4, 0, 0]
    truth = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    happened = np.array([random.choice(3, p=row) for row in truth])
    shown = np.exp(sharpness * logits + random.normal(0, 0.3, (rows, 3)))
    return (shown / shown.sum(axis=1, keepdims=True)).round(4), happened


class Shown(ClassifierMixin, BaseEstimator):
    """A classifier whose probabilities are its features."""

    def __init__(self, classes=3):
        self.classes = classes
        self.classes_ = np.arange(classes)

    def fit(self, rows, labels):
        return self

    def predict(self, rows):
        return np.argmax(rows, axis=1)

    def predict_proba(self, rows):
        return np.asarray(rows)


def calibration():
    shown, happened = forecasts(400, 1.8)
    # Rows that sum to 1 exactly, with many ties.
    shown[:, 2] = 1 - shown[:, 0] - shown[:, 1]
    shown[:150] = shown[:150].round(1)
    shown[:, 2] = np.maximum(1 - shown[:, 0] - shown[:, 1], 0).round(4)
    two = np.column_stack([shown[:, 0], (1 - shown[:, 0]).round(4)])
    probes = {3: [[0.2, 0.3, 0.5], [0.98, 0.01, 0.01], [0.0, 0.5, 0.5], [0.3333, 0.3333, 0.3334], [0.0, 0.0, 1.0]]}
    probes[2] = [[0.2, 0.8], [1.0, 0.0], [0.0, 1.0], [0.4567, 0.5433]]
    return {
        "rows": shown.tolist(),
        "outcomes": [CLASSES[k] for k in happened],
        "three": fitted(shown, happened, probes[3]),
        # scikit-learn's positive class of two is the second; Lineal's curve belongs to the first, so they change places.
        "two": fitted(two[:, ::-1], (happened == 0).astype(int), [row[::-1] for row in probes[2]]),
    }


def fitted(shown, happened, probes):
    expected = {"probes": [list(row) for row in probes]}
    for ours, theirs in [("platt", "sigmoid"), ("isotonic", "isotonic"), ("temperature", "temperature")]:
        model = CalibratedClassifierCV(FrozenEstimator(Shown(shown.shape[1])), method=theirs, ensemble=False)
        expected[ours] = model.fit(shown, happened).predict_proba(np.array(probes)).tolist()
    classes = [1] if shown.shape[1] == 2 else range(shown.shape[1])
    expected["sigmoids"] = [sigmoid(shown[:, k], happened == k) for k in classes]
    expected["curves"] = [curve(shown[:, k], happened == k) for k in classes]
    expected["temperature_value"] = temperature(shown, happened)
    return expected


def sigmoid(p, positive):
    """Platt's slope and intercept, exactly; scikit-learn's optimiser stops a little earlier."""
    positives, negatives = positive.sum(), (~positive).sum()
    targets = np.where(positive, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(point):
        margin = point[0] * p + point[1]
        return (np.log(1 + np.exp(margin)) - targets * margin).sum()

    point, _, other = agree(loss, np.zeros(2), within=1e-9)
    assert np.abs(point - other).max() < 1e-6
    theirs = -np.array(_sigmoid_calibration(p, positive.astype(float)))
    assert np.abs(point - theirs).max() < 1e-3, (point, theirs)
    return point.tolist()


def curve(p, positive):
    model = IsotonicRegression(out_of_bounds="clip", y_min=0, y_max=1).fit(p, positive.astype(float))
    return {"scores": model.X_thresholds_.tolist(), "values": model.y_thresholds_.tolist()}


def temperature(shown, happened):
    logits = np.log(shown + 1e-12)

    def loss(beta):
        scaled = beta * logits
        return (np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(len(happened)), happened]).sum()

    found = minimize_scalar(lambda x: loss(np.exp(x)), bounds=(-5, 5), method="bounded", options={"xatol": 1e-13})
    point, _, _ = agree(lambda point: loss(point[0]), np.ones(1), within=1e-9)
    assert abs(point[0] - np.exp(found.x)) < 1e-6
    return float(1 / point[0])


def blending():
    first, happened = forecasts(300, 1.5)
    second = np.exp(np.log(first) * 0.5 + random.normal(0, 0.4, first.shape))
    second = (second / second.sum(axis=1, keepdims=True)).round(4)
    odds = np.maximum((0.95 / np.clip(first * 0.6 + second * 0.4, 0.01, 1)).round(2), 1.01)
    market = 1 / odds / (1 / odds).sum(axis=1, keepdims=True)
    fits = []
    for c, with_market in [(1.0, False), (1.0, True), (0.02, True)]:
        columns = np.log(np.hstack([first, second] + [market] * with_market))
        model = LogisticRegression(C=c, solver="newton-cholesky", tol=1e-14, max_iter=1000).fit(columns, happened)
        second_opinion = LogisticRegression(C=c, solver="lbfgs", tol=1e-10, max_iter=100000).fit(columns, happened)
        assert np.abs(model.coef_ - second_opinion.coef_).max() < 1e-4
        fits.append(
            {
                "c": c,
                "market": with_market,
                "weights": model.coef_.tolist(),
                "intercepts": (model.intercept_ - model.intercept_.mean()).tolist(),
                "first_row": model.predict_proba(columns[:1])[0].tolist(),
            }
        )
    return {
        "first": first.tolist(),
        "second": second.tolist(),
        "odds": odds.tolist(),
        "outcomes": [CLASSES[k] for k in happened],
        "fits": fits,
    }


def write(name, value):
    (HERE / name).write_text(json.dumps(value) + "\n")


season = read(HERE / "season.csv")
last = max(season[0])
fits = [strengths(season, *setting) for setting in [(True, 0.0, last), (False, 0.0, last), (True, 0.005, date(2017, 6, 30))]]
write("poisson.json", fits)
write("draw_calibration.json", draws(fits[0], season))
write("calibration.json", calibration())
write("blending.json", blending())
if len(sys.argv) > 1:
    matches = read(sys.argv[1])
    arsenal = strengths(matches, True, 0.0, max(matches[0]))
    arsenal["outcomes"] = outcomes(arsenal, "Arsenal", "Southampton")
    write("arsenal.json", arsenal)
