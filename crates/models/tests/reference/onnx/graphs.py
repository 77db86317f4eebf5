"""Graphs of scikit-learn, XGBoost, LightGBM and hand, and what ONNX Runtime in Python makes of them.

Writes one graph for each case beside this script, and `expected.json`: for each case the columns and rows that go in and
the scores that come out, row after row. `refused_*` are graphs that are not taken.

    pip install onnx==1.23.2 onnxruntime==1.31.1 skl2onnx==1.20.0 onnxmltools==1.16.0 scikit-learn==1.9.1 \
        lightgbm==4.7.0 xgboost-cpu==3.2.0 pandas
    python graphs.py
"""

import json
import pathlib

import lightgbm
import numpy as np
import onnxmltools
import onnxruntime
import pandas as pd
import xgboost
from onnx import TensorProto, helper, numpy_helper
from onnxmltools.convert.common.data_types import FloatTensorType as ToolsFloat
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris, load_diabetes
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HERE = pathlib.Path(__file__).parent
expected = {}


def keep(name, model, columns, output, positive=None):
    """Saves `model` with what `output` is for `columns`; of two classes only the `positive` one."""
    content = model.SerializeToString()
    assert len(content) < 50_000, (name, len(content))
    (HERE / f"{name}.onnx").write_bytes(content)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    feeds, at = {}, 0
    kinds = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64, "tensor(string)": object}
    names = list(columns)
    for given in session.get_inputs():
        width = given.shape[1] if len(given.shape) > 1 else None
        block = np.array([columns[c] for c in names[at : at + (width or 1)]], dtype=object).T
        feeds[given.name] = block.astype(kinds[given.type]) if width else block[:, 0].astype(kinds[given.type])
        at += width or 1
    scores = session.run([output], feeds)[0]
    scores = scores.reshape(len(next(iter(columns.values()))), -1).astype(float)
    if positive is not None:
        scores = scores[:, positive]
    expected[name] = {"columns": columns, "scores": scores.ravel().tolist()}


def named(x, names):
    return {name: x[:, j].astype(float).tolist() for j, name in enumerate(names)}


IRIS = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
x, y = load_iris(return_X_y=True)
two = (y == 2).astype(int)
rows = x[::7].astype(np.float32)
plain = {"zipmap": False}

forest = RandomForestClassifier(10, max_depth=4, random_state=7).fit(x, y)
keep("sklearn_forest", to_onnx(forest, x[:1].astype(np.float32), options=plain), named(rows, IRIS), "probabilities")
boosted = GradientBoostingClassifier(n_estimators=10, max_depth=3, random_state=7).fit(x, two)
keep("sklearn_boosting", to_onnx(boosted, x[:1].astype(np.float32), options=plain), named(rows, IRIS), "probabilities", 1)
pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
double = to_onnx(pipeline, initial_types=[("X", DoubleTensorType([None, 4]))], options=plain)
keep("sklearn_double", double, named(x[::7], IRIS), "probabilities")
(HERE / "refused_zipmap.onnx").write_bytes(to_onnx(pipeline, x[:1].astype(np.float32)).SerializeToString())

d, target = load_diabetes(return_X_y=True)
names = [f"f{j}" for j in range(d.shape[1])]
regressor = RandomForestRegressor(5, max_depth=4, random_state=7).fit(d, target)
keep("sklearn_regression", to_onnx(regressor, d[:1].astype(np.float32)), named(d[::20].astype(np.float32), names), "variable")

rng = np.random.default_rng(7)
plans = np.array(["basic", "gold", "none"])[rng.integers(0, 3, 300)]
ages, calls = rng.integers(18, 80, 300), rng.normal(size=300)
frame = pd.DataFrame({"plan": plans, "age": ages, "calls": calls})
mixed = make_pipeline(
    ColumnTransformer([("plan", OneHotEncoder(handle_unknown="ignore"), ["plan"]), ("rest", StandardScaler(), ["age", "calls"])]),
    LogisticRegression(),
).fit(frame, (calls + (plans == "gold") + ages / 80 > 1).astype(int))
types = [("plan", StringTensorType([None, 1])), ("age", Int64TensorType([None, 1])), ("calls", FloatTensorType([None, 1]))]
keep(
    "sklearn_columns", to_onnx(mixed, initial_types=types, options=plain),
    {"plan": ["basic", "gold", "none", "unheard of"], "age": [20, 30, 40, 50], "calls": [0.5, -0.25, 1.5, 0.0]},
    "probabilities", 1,
)

light = lightgbm.LGBMClassifier(n_estimators=8, num_leaves=8, random_state=7, verbose=-1).fit(x, two)
tools = [("X", ToolsFloat([None, 4]))]
keep("lightgbm_binary", onnxmltools.convert_lightgbm(light, initial_types=tools, zipmap=False, target_opset=15), named(rows, IRIS), "probabilities", 1)
extreme = xgboost.XGBClassifier(n_estimators=6, max_depth=3, random_state=7).fit(x, y)
keep("xgboost_multiclass", onnxmltools.convert_xgboost(extreme, initial_types=tools, target_opset=15), named(rows, IRIS), "probabilities")
extreme = xgboost.XGBRegressor(n_estimators=6, max_depth=3, random_state=7).fit(d, target)
tools = [("X", ToolsFloat([None, d.shape[1]]))]
keep("xgboost_regression", onnxmltools.convert_xgboost(extreme, initial_types=tools, target_opset=15), named(d[::20].astype(np.float32), names), "variable")


def made(nodes, output, inputs, initialisers, **more):
    """A graph put together by hand, as PyTorch's exporter would."""
    graph = helper.make_graph(nodes, "made", inputs, output, initialisers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="made", ir_version=8, **more)
    return model


def tensor(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def weights(name, *shape):
    return numpy_helper.from_array(rng.normal(size=shape).astype(np.float32), name)


layers = [
    helper.make_node("Gemm", ["x", "w1", "b1"], ["h"]), helper.make_node("Relu", ["h"], ["r"]),
    helper.make_node("Gemm", ["r", "w2", "b2"], ["z"]),
]
parameters = [weights("w1", 4, 8), weights("b1", 8), weights("w2", 8, 1), weights("b2", 1)]
x_in = [tensor("x", TensorProto.FLOAT, ["batch", 4])]
sigmoid = layers + [helper.make_node("Sigmoid", ["z"], ["score"])]
keep("made_network", made(sigmoid, [tensor("score", TensorProto.FLOAT, ["batch", 1])], x_in, parameters), named(rows, IRIS), "score")
one = [tensor("x", TensorProto.FLOAT, [1, 4])]
fixed = made(layers, [tensor("z", TensorProto.FLOAT, [1, 1])], one, parameters)
content = fixed.SerializeToString()
session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
(HERE / "made_fixed_batch.onnx").write_bytes(content)
expected["made_fixed_batch"] = {"columns": named(rows, IRIS), "scores": [float(session.run(["z"], {"x": row[None]})[0][0, 0]) for row in rows]}
sums = [
    helper.make_node("Cast", ["count"], ["c"], to=TensorProto.DOUBLE), helper.make_node("Add", ["c", "price"], ["total"]),
]
keep(
    "made_lists",
    made(sums, [tensor("total", TensorProto.DOUBLE, ["n"])],
         [tensor("count", TensorProto.INT64, ["n"]), tensor("price", TensorProto.DOUBLE, ["n"])], []),
    {"count": [1, 2, 3], "price": [0.5, 0.25, 1e-9]}, "total",
)
# A score depends on the rows beside it, so what a row scores alone is no score of the model's at all.
beside = [
    helper.make_node("ReduceMean", ["x"], ["mean"], axes=[0], keepdims=1), helper.make_node("Sub", ["x", "mean"], ["d"]),
    helper.make_node("Gemm", ["d", "w"], ["z"]),
]
w = numpy_helper.from_array(np.array([[1.0], [-2.0], [0.5], [4.0]], np.float32), "w")
beside = made(beside, [tensor("z", TensorProto.FLOAT, ["batch", 1])], x_in, [w])
(HERE / "made_dependent_rows.onnx").write_bytes(beside.SerializeToString())

(HERE / "expected.json").write_text(json.dumps(expected, allow_nan=False) + "\n")
