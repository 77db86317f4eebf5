"""A small network that PyTorch trains and exports, and what PyTorch itself answers.

Writes `pytorch_network.onnx` beside this script and its case into `expected.json`, which `graphs.py` makes first.

    pip install torch==2.3.1 "numpy<2" onnx
    python pytorch.py
"""

import json
import pathlib

import torch

HERE = pathlib.Path(__file__).parent
expected = json.loads((HERE / "expected.json").read_text())
columns = expected["made_network"]["columns"]
rows = torch.tensor(list(zip(*columns.values())), dtype=torch.float32)

torch.manual_seed(7)
network = torch.nn.Sequential(
    torch.nn.BatchNorm1d(4),
    torch.nn.Linear(4, 16),
    torch.nn.ReLU(),
    torch.nn.Dropout(0.2),
    torch.nn.Linear(16, 1),
    torch.nn.Sigmoid(),
)
# Wide petals, as `made_network` is asked about.
labels = (rows[:, 3:] > 1.5).float()
optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
for _ in range(200):
    optimizer.zero_grad()
    torch.nn.functional.binary_cross_entropy(network(rows), labels).backward()
    optimizer.step()
network.eval()
torch.onnx.export(
    network, rows[:1], HERE / "pytorch_network.onnx", opset_version=17, input_names=["rows"], output_names=["score"],
    dynamic_axes={"rows": {0: "batch"}, "score": {0: "batch"}},
)
with torch.no_grad():
    scores = network(rows)[:, 0].double().tolist()
expected["pytorch_network"] = {"columns": columns, "scores": scores}
(HERE / "expected.json").write_text(json.dumps(expected, allow_nan=False) + "\n")
