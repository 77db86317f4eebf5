"""Writes the trees of a file as LightGBM writes it as an ONNX graph.

    python export.py model.txt graph.onnx FEATURES
"""

import pathlib
import sys

import lightgbm
import onnxmltools
from onnxmltools.convert.common.data_types import FloatTensorType

model, graph, features = sys.argv[1:]
booster = lightgbm.Booster(model_file=model)
rows = [("rows", FloatTensorType([None, int(features)]))]
exported = onnxmltools.convert_lightgbm(booster, initial_types=rows, zipmap=False, target_opset=15)
pathlib.Path(graph).write_bytes(exported.SerializeToString())
