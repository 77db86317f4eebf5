"""Asks Lineal with an unmodified tritonclient: ADDRESS CHURN_CSV SCORE_OF_THE_FIRST_ROW."""

import sys

import numpy as np
import tritonclient.grpc as triton
from rows import column as values_of, read
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

rows = read(table, 100)


def tensors(rows, compress=False):
    inputs = []
    for column in metadata.inputs:
        array = np.array(values_of(rows, column), dtype=object if column.datatype == "BYTES" else np.float64)
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
for version in ("1", "@champion"):
    assert client.infer("churn", tensors(rows[:1]), model_version=version).as_numpy("score")[0] == expected

assert client.get_server_metadata().extensions == ["model_configuration", "parameters", "statistics"]
config = client.get_model_config("churn").config
assert len(config.input) == 19 and config.max_batch_size == 65536, config
assert config.parameters["task"].string_value == "binary_classification"
index = client.get_model_repository_index().models
assert [(model.name, model.version, model.state) for model in index] == [("churn", "1", "READY")], index
statistics = client.get_inference_statistics("churn").model_stats[0]
assert statistics.inference_stats.success.count == statistics.execution_count >= 4, statistics


def refused(call, *words):
    try:
        call()
    except InferenceServerException as error:
        assert all(word in str(error) for word in words), (words, str(error))
    else:
        raise AssertionError(f"was not refused: {words}")


refused(lambda: client.infer("nobody", tensors(rows)), "NOT_FOUND", "nobody")
refused(lambda: client.infer("churn", tensors(rows), model_version="7"), "NOT_FOUND")
refused(lambda: client.infer("churn", tensors(rows), model_version="@canary"), "NOT_FOUND", "1 (@champion)")
refused(lambda: client.infer("churn", tensors(rows), parameters={"slot.regime": "calm"}), "NOT_FOUND", "regime=calm")
refused(lambda: client.load_model("churn"), "FAILED_PRECONDITION", "promote")
refused(lambda: client.get_system_shared_memory_status(), "UNIMPLEMENTED")
refused(lambda: client.infer("churn", tensors(rows)[1:]), "INVALID_ARGUMENT", metadata.inputs[0].name)

print("all checks passed")
