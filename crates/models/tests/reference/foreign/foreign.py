"""Models of LightGBM 4.7.0 and XGBoost 3.2.0, and what these libraries score with them.

Writes one model file for each case beside this script, and `expected.json`: for each case rows (null is a missing
value), the margins and the scores of every row, row after row. Rows are drawn at random, then values meet the model's
own thresholds, their neighbours, zeros and categories that no training row had.

    pip install lightgbm==4.7.0 xgboost-cpu==3.2.0 numpy
    python foreign.py
"""

import json
import pathlib
import re

import lightgbm
import numpy as np
import xgboost

HERE = pathlib.Path(__file__).parent
ROWS, TESTED, FEATURES = 600, 40, 5
CATEGORY = 4  # the column that holds whole numbers from 0 to 39
expected = {}


def draw(seed, rows=ROWS):
    """Columns of different kinds: continuous, skewed, mostly zero, small counts, categories; a tenth is missing."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([
        rng.normal(size=rows),
        rng.lognormal(size=rows) * 1000,
        np.where(rng.random(rows) < 0.6, 0.0, rng.normal(size=rows)),
        rng.integers(-3, 4, rows),
        rng.integers(0, 40, rows),
    ]).astype(float)
    signal = x[:, 0] + 0.0002 * x[:, 1] + x[:, 2] - 0.2 * x[:, 3] + np.sin(x[:, 4])
    x[rng.random(x.shape) < 0.1] = np.nan
    return x, signal + rng.normal(scale=0.5, size=rows), rng


def labels(kind, signal):
    ranks = signal.argsort().argsort() / len(signal)
    return {
        "number": signal,
        "positive": np.exp(signal / 3),
        "count": np.floor(np.exp(signal / 3)),
        "two": (signal > np.median(signal)).astype(float),
        "three": np.floor(ranks * 2.999),
        "share": 1 / (1 + np.exp(-signal)),
        "grade": np.floor(ranks * 4.999),
    }[kind]


def tested(thresholds, seed):
    x, _, rng = draw(seed, TESTED)
    t = np.array([threshold for threshold in thresholds if np.isfinite(threshold)])
    edges = np.concatenate([
        t, np.nextafter(t, np.inf), np.nextafter(t, -np.inf),
        t.astype(np.float32), np.nextafter(t.astype(np.float32), np.float32(np.inf)),
        # Halfway between two single precision numbers, and its neighbours.
        *(np.nextafter((t.astype(np.float32).astype(float) + np.nextafter(t.astype(np.float32), np.float32(side)).astype(float)) / 2, to)
          for side in (-np.inf, np.inf) for to in (-np.inf, 0.0, np.inf)),
        [0.0, -0.0, 1e-36, -1e-36, 1e-30, -0.5, 0.5, -1.0, 2.5, 39.0, 40.0, 1e6, 2147483648.0, 1e30, -1e30, 38.99999999],
    ])
    half = rng.random(x.shape) < 0.5
    half[: TESTED // 4] = False
    x[half] = rng.choice(edges, int(half.sum()))
    x[-1] = np.nan
    x[-2] = 0.0
    return x


def keep(name, x, margins, scores):
    expected[name] = {
        "rows": [[None if np.isnan(value) else value for value in row] for row in x.tolist()],
        "margins": np.asarray(margins).astype(float).ravel().tolist(),
        "scores": np.asarray(scores).astype(float).ravel().tolist(),
    }


def light(name, kind, rounds=8, categories=True, rows=ROWS, group=False, **params):
    x, signal, _ = draw(len(expected), rows)
    data = lightgbm.Dataset(
        x, labels(kind, signal), categorical_feature=[CATEGORY] if categories else [],
        group=[20] * (rows // 20) if group else None,
    )
    settings = dict(num_leaves=9, min_data_in_leaf=5, learning_rate=0.3, cat_smooth=1, min_data_per_group=5, seed=7,
                    verbose=-1, deterministic=True, force_row_wise=True)
    model = lightgbm.train(settings | params, data, rounds)
    text = model.model_to_string()
    (HERE / f"{name}.txt").write_text(text[: text.index("\nparameters:") + 1] + text[text.index("pandas_categorical"):])
    thresholds = [float(t) for line in re.findall(r"^threshold=(.*)$", text, re.M) for t in line.split()]
    x = tested(thresholds or [0.0], 1000 + len(expected))
    margins = model.predict(x, raw_score=True)
    if params.get("boosting") == "rf":
        margins = margins / rounds  # its raw scores are sums, what it predicts are means
    keep(name, x, margins, model.predict(x))


def extreme(name, kind, rounds=8, categories=False, form="json", group=False, **params):
    x, signal, _ = draw(len(expected))
    types = ["q"] * (FEATURES - 1) + ["c" if categories else "q"]
    matrix = lambda x, y=None: xgboost.DMatrix(x, y, feature_types=types, enable_categorical=True,
                                               feature_names=["age", "spend", "debt", "steps", "region"])
    data = matrix(x, labels(kind, signal))
    if group:
        data.set_group([20] * (ROWS // 20))
    settings = dict(max_depth=4, eta=0.3, seed=7, max_cat_to_onehot=3, verbosity=0)
    model = xgboost.train(settings | params, data, rounds)
    model.save_model(HERE / f"{name}.{form}")
    raw = json.loads(model.save_raw("json"))["learner"]["gradient_booster"]
    trees = raw.get("model", raw.get("gbtree", {}).get("model"))["trees"]
    thresholds = [t for tree in trees
                  for t, child, kind in zip(tree["split_conditions"], tree["left_children"], tree["split_type"])
                  if child != -1 and kind == 0]
    x = tested(thresholds or [0.0], 1000 + len(expected))
    if categories:
        # The library refuses negative categories.
        x[:, CATEGORY] = np.where(x[:, CATEGORY] < 0, 0.0, np.minimum(x[:, CATEGORY], 1000.0))
    keep(name, x, model.predict(matrix(x), output_margin=True), model.predict(matrix(x)))


light("lightgbm_binary", "two", objective="binary")
light("lightgbm_steep_binary", "two", objective="binary", sigmoid=2.5, zero_as_missing=True)
light("lightgbm_without_missing", "two", objective="binary", use_missing=False)
light("lightgbm_multiclass", "three", objective="multiclass", num_class=3)
light("lightgbm_one_vs_all", "three", objective="multiclassova", num_class=3, sigmoid=0.7)
light("lightgbm_regression", "number", objective="regression", zero_as_missing=True, categories=False)
light("lightgbm_square_roots", "number", objective="regression", reg_sqrt=True)
light("lightgbm_quantile", "number", objective="quantile", alpha=0.8)
light("lightgbm_poisson", "count", objective="poisson")
light("lightgbm_tweedie", "positive", objective="tweedie")
light("lightgbm_cross_entropy", "share", objective="cross_entropy")
light("lightgbm_cross_entropy_lambda", "share", objective="cross_entropy_lambda")
light("lightgbm_ranking", "grade", objective="lambdarank", group=True)
light("lightgbm_forest", "two", objective="binary", boosting="rf", bagging_fraction=0.6, bagging_freq=1)
light("lightgbm_dart", "number", objective="regression", boosting="dart", drop_rate=0.5)
light("lightgbm_without_splits", "two", objective="binary", rows=20, min_data_in_leaf=50, rounds=2)

extreme("xgboost_binary", "two", objective="binary:logistic")
extreme("xgboost_binary_ubj", "two", objective="binary:logistic", form="ubj", categories=True)
extreme("xgboost_raw", "two", objective="binary:logitraw")
extreme("xgboost_hinge", "two", objective="binary:hinge")
extreme("xgboost_multiclass", "three", objective="multi:softprob", num_class=3, categories=True)
extreme("xgboost_multiclass_ubj", "three", objective="multi:softprob", num_class=3, form="ubj", num_parallel_tree=2,
        subsample=0.7)
extreme("xgboost_regression", "number", objective="reg:squarederror", categories=True, grow_policy="lossguide",
        max_leaves=12, max_depth=0)
extreme("xgboost_quantile", "number", objective="reg:quantileerror", quantile_alpha=0.8)
extreme("xgboost_poisson", "count", objective="count:poisson", form="ubj")
extreme("xgboost_gamma", "positive", objective="reg:gamma")
extreme("xgboost_tweedie", "count", objective="reg:tweedie")
extreme("xgboost_cox", "positive", objective="survival:cox")
extreme("xgboost_ranking", "grade", objective="rank:ndcg", group=True)
extreme("xgboost_dart", "two", objective="binary:logistic", booster="dart", rate_drop=0.5)
extreme("xgboost_exact", "two", objective="binary:logistic", tree_method="exact", gamma=2.0)

(HERE / "expected.json").write_text(json.dumps(expected, allow_nan=False) + "\n")
