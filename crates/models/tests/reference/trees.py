"""Writes trees.json beside this file: how well scikit-learn's forests and boosted trees score on held-out rows.

    python -m venv venv && venv/bin/pip install scikit-learn && venv/bin/python trees.py

Every row whose number is `fold` modulo 5 is held out, fold after fold; a score is the mean over folds and seeds.
"""

import csv
import json
from pathlib import Path

import numpy as np
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.metrics import roc_auc_score, root_mean_squared_error

HERE = Path(__file__).parent
CHURN = HERE.parents[3] / "services/lineal/data/churn.csv"
SEEDS = range(3)
BOOSTING = {
    "max_iter": 100,
    "learning_rate": 0.1,
    "max_depth": 6,
    "max_leaf_nodes": None,
    "l2_regularization": 1.0,
    "early_stopping": False,
}


def number(cell):
    return {"yes": 1.0, "no": 0.0}.get(cell) if cell in ("yes", "no") else float(cell.removeprefix("area_code_"))


def table(path, skip=0):
    rows = list(csv.reader(path.open()))[1:]
    cells = np.array([[number(cell) for cell in row[skip:]] for row in rows])
    return cells[:, :-1], cells[:, -1]


def mean_score(make, score, features, labels):
    scores = []
    for fold in range(5):
        held_out = np.arange(len(labels)) % 5 == fold
        for seed in SEEDS:
            model = make(seed).fit(features[~held_out], labels[~held_out])
            scores.append(score(model, features[held_out], labels[held_out]))
    return float(np.mean(scores))


def auc(model, features, labels):
    return roc_auc_score(labels, model.predict_proba(features)[:, 1])


def rmse(model, features, labels):
    return root_mean_squared_error(labels, model.predict(features))


def mean_auc(model, features, labels):
    return roc_auc_score(labels, model.predict_proba(features), multi_class="ovr")


churn, wine, diabetes = table(CHURN, 1), table(HERE / "wine.csv"), table(HERE / "diabetes.csv")
classifier = lambda seed: RandomForestClassifier(100, random_state=seed)
regressor = lambda seed: RandomForestRegressor(100, random_state=seed)
boosted_classifier = lambda seed: HistGradientBoostingClassifier(**BOOSTING, random_state=seed)
boosted_regressor = lambda seed: HistGradientBoostingRegressor(**BOOSTING, random_state=seed)
scores = {
    "churn": {"forest": mean_score(classifier, auc, *churn), "boosting": mean_score(boosted_classifier, auc, *churn)},
    "wine": {"forest": mean_score(classifier, mean_auc, *wine), "boosting": mean_score(boosted_classifier, mean_auc, *wine)},
    "diabetes": {
        "forest": mean_score(regressor, rmse, *diabetes),
        "boosting": mean_score(boosted_regressor, rmse, *diabetes),
    },
}
(HERE / "trees.json").write_text(json.dumps(scores, indent=2) + "\n")
