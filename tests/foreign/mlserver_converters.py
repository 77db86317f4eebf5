"""Asks Lineal through MLServer's unmodified contract and converters: ADDRESS CHURN_CSV SCORE_OF_THE_FIRST_ROW."""

import sys

import grpc
from parts import open_package
from rows import column, read

open_package("mlserver", "mlserver.grpc")
from mlserver import types
from mlserver.grpc import converters, dataplane_pb2, dataplane_pb2_grpc

address, table, expected = sys.argv[1], sys.argv[2], float(sys.argv[3])
rows = read(table, 100)
stub = dataplane_pb2_grpc.GRPCInferenceServiceStub(grpc.insecure_channel(address))

server = converters.ServerMetadataResponseConverter.to_types(
    stub.ServerMetadata(dataplane_pb2.ServerMetadataRequest())
)
assert server.name == "lineal", server
metadata = converters.ModelMetadataResponseConverter.to_types(
    stub.ModelMetadata(dataplane_pb2.ModelMetadataRequest(name="churn"))
)
assert len(metadata.inputs) == 19 and metadata.versions == ["1"], metadata

for raw in (False, True):
    inputs = []
    for tensor in metadata.inputs:
        values = column(rows, tensor)
        if tensor.datatype == "BYTES":
            values = [value.encode() for value in values]
        inputs.append(
            types.RequestInput(name=tensor.name, shape=[len(rows)], datatype=tensor.datatype, data=values)
        )
    request = types.InferenceRequest(id="r-1", inputs=inputs)
    asked = converters.ModelInferRequestConverter.from_types(request, model_name="churn", use_raw=raw)
    assert bool(asked.raw_input_contents) == raw
    answer = converters.ModelInferResponseConverter.to_types(stub.ModelInfer(asked))
    assert (answer.id, answer.model_version) == ("r-1", "1"), answer
    outputs = {output.name: output.data.root for output in answer.outputs}
    assert len(outputs["score"]) == 100 and outputs["score"][0] == expected, outputs["score"][:3]
    assert len(outputs["label"]) == 100
    assert answer.parameters.run_id, answer.parameters

print("all checks passed")
