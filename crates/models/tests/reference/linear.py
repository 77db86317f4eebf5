"""Writes linear.json beside this file: fits of the linear families with scikit-learn and statsmodels.

    python -m venv venv && venv/bin/pip install scikit-learn statsmodels && venv/bin/python linear.py
"""

import json
from pathlib import Path

import numpy as np
import statsmodels.api as sm
from sklearn.linear_model import ElasticNet, LinearRegression, LogisticRegression, PoissonRegressor, Ridge

HERE = Path(__file__).parent
random = np.random.default_rng(20240317)
ROWS = 160

first = random.normal(0, 1, ROWS)
features = np.column_stack(
    [first, first + 0.1 * random.normal(0, 1, ROWS), 40 + 12 * random.normal(0, 1, ROWS), random.integers(0, 2, ROWS)]
).round(4)
weights = random.choice([0.25, 1.0, 2.0, 3.5], ROWS)
latent = features @ [1.5, -0.5, 0.08, -1.0]
targets = (latent + random.normal(0, 0.7, ROWS)).round(4)
counts = random.poisson(np.exp(0.4 * latent - 1.5))
exposures = random.choice([0.5, 1.0, 4.0], ROWS)
exposed = random.poisson(exposures * np.exp(0.4 * latent - 1.5))
binary = (random.random(ROWS) < 1 / (1 + np.exp(3.5 - latent))).astype(int)
margins = np.column_stack([0.4 * latent, 1.0 + features[:, 3], 0.05 * features[:, 2] - features[:, 0]])
chances = np.exp(margins) / np.exp(margins).sum(axis=1, keepdims=True)
classes = np.array([random.choice(3, p=row) for row in chances])

fits = []


def add(family, task, settings, coefficients, intercepts, labels, row_weights=None):
    fits.append(
        {
            "family": family,
            "task": task,
            "settings": settings,
            "labels": labels,
            "weights": row_weights,
            "coefficients": np.atleast_2d(coefficients).tolist(),
            "intercepts": np.atleast_1d(intercepts).astype(float).tolist(),
        }
    )


for row_weights in [None, "weights"]:
    given = None if row_weights is None else weights
    ones = np.ones(ROWS) if given is None else given
    ols = sm.WLS(targets, sm.add_constant(features), weights=ones).fit()
    add("linear_regression", "regression", {}, ols.params[1:], ols.params[0], "targets", row_weights)
    for settings in [{"alpha": 1.0}, {"alpha": 200.0}, {"alpha": 1.0, "fit_intercept": False}]:
        model = Ridge(**settings, solver="cholesky", tol=1e-14).fit(features, targets, given)
        add("ridge", "regression", settings, model.coef_, model.intercept_, "targets", row_weights)
    for settings in [
        {"alpha": 0.01},
        {"alpha": 0.3, "l1_ratio": 0.8},
        {"alpha": 0.1, "l1_ratio": 1.0},
        {"alpha": 0.1, "l1_ratio": 0.2, "fit_intercept": False},
    ]:
        model = ElasticNet(**settings, tol=1e-15, max_iter=1_000_000).fit(features, targets, given)
        add("elastic_net", "regression", settings, model.coef_, model.intercept_, "targets", row_weights)
    for settings in [{}, {"alpha": 0.01}, {"alpha": 0.1, "fit_intercept": False}]:
        model = PoissonRegressor(**settings, solver="newton-cholesky", tol=1e-14, max_iter=1000)
        model.fit(features, counts, given)
        add("poisson_regression", "regression", settings, model.coef_, model.intercept_, "counts", row_weights)
    for labels, task in [("binary", "binary_classification"), ("classes", "multiclass_classification")]:
        for settings in [{}, {"c": 0.01}, {"c": 100.0}, {"class_weight": "balanced"}, {"c": 10.0, "fit_intercept": False}]:
            given_settings = {**settings, "C": settings.get("c", 1.0)}
            given_settings.pop("c", None)
            model = LogisticRegression(**given_settings, solver="newton-cholesky", tol=1e-14, max_iter=1000)
            model.fit(features, globals()[labels], given)
            add("logistic_regression", task, settings, model.coef_, model.intercept_, labels, row_weights)

ols = sm.OLS(targets, features).fit()
add("linear_regression", "regression", {"fit_intercept": False}, ols.params, 0.0, "targets")
assert np.allclose(LinearRegression(fit_intercept=False).fit(features, targets).coef_, ols.params, atol=1e-9)

# Without a penalty, with the logarithm of the exposure as an offset: rates with exposures as weights must agree.
model = sm.GLM(exposed, sm.add_constant(features), family=sm.families.Poisson(), offset=np.log(exposures))
params = model.fit(tol=1e-14, maxiter=200).params
add("poisson_regression", "regression", {"alpha": 0.0}, params[1:], params[0], "rates", "exposures")

columns = {
    "targets": targets,
    "counts": counts,
    "rates": exposed / exposures,
    "binary": binary,
    "classes": classes,
    "weights": weights,
    "exposures": exposures,
}
reference = {
    "features": features.tolist(),
    "columns": {name: np.asarray(column, float).tolist() for name, column in columns.items()},
    "fits": fits,
}
(HERE / "linear.json").write_text(json.dumps(reference) + "\n")
