"""Asks Lineal with an unmodified tritonclient: ADDRESS CHURN_CSV SCORE_OF_THE_FIRST_ROW."""

import csv
import sys

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

address, table, expected = sys.argv[1], sys.argv[2], float(sys.argv[3])
client = triton.InferenceServerClient(address)

assert client.is_server_live()
assert client.is_server_ready()
assert client.is_model_ready("churn")
assert not client.is_model_ready("nobody")
assert client.get_server_metadata().name == "lineal"

metadata = client.get_model_metadata("churn")
assert len(metadata.inputs) == 19, metadata
assert {output.name for output in metadata.outputs} == {"score", "label"}

with open(table, newline="") as file:
    rows = [row for _, row in zip(range(100), csv.DictReader(file))]


def tensors(rows, compress=False):
    inputs = []
    for column in metadata.inputs:
        values = [row[column.name] for row in rows]
        array = np.array(values, dtype=object) if column.datatype == "BYTES" else np.array(values, dtype=np.float64)
        tensor = triton.InferInput(column.name, [len(rows)], column.datatype)
        tensor.set_data_from_numpy(array)
        inputs.append(tensor)
    return inputs


for algorithm in (None, "gzip"):
    result = client.infer("churn", tensors(rows), request_id="r-1", compression_algorithm=algorithm)
    scores, labels = result.as_numpy("score"), result.as_numpy("label")
    assert scores.shape == (100,) and labels.shape == (100,)
    assert scores[0] == expected, (scores[0], expected)
    assert all(label == (b"yes" if score >= 0.5 else b"no") for score, label in zip(scores, labels))

response = result.get_response()
assert response.id == "r-1" and response.model_version == "1", response
pedigree = {name: value for name, value in response.parameters.items()}
for fact in ("prediction_id", "run_id", "digest", "data_digest", "git_sha", "generation", "replica", "trained_at", "scored_at"):
    assert fact in pedigree, (fact, sorted(pedigree))
assert client.infer("churn", tensors(rows[:1]), model_version="1").as_numpy("score")[0] == expected


def refused(call, *words):
    try:
        call()
    except InferenceServerException as error:
        assert all(word in str(error) for word in words), (words, str(error))
    else:
        raise AssertionError(f"was not refused: {words}")


refused(lambda: client.infer("nobody", tensors(rows)), "NOT_FOUND", "nobody")
refused(lambda: client.infer("churn", tensors(rows), model_version="7"), "NOT_FOUND")
refused(lambda: client.infer("churn", tensors(rows)[1:]), "INVALID_ARGUMENT", metadata.inputs[0].name)

print("all checks passed")
