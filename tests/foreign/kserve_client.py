"""Asks Lineal with KServe's unmodified InferenceGRPCClient: ADDRESS CHURN_CSV SCORE_OF_THE_FIRST_ROW."""

import asyncio
import sys

import grpc
import numpy as np
from parts import open_package
from rows import column, read

open_package("kserve", "kserve.protocol", "kserve.utils")
from kserve.inference_client import InferenceGRPCClient
from kserve.protocol.grpc.grpc_predict_v2_pb2 import ModelMetadataRequest
from kserve.protocol.infer_type import InferInput, InferRequest

address, table, expected = sys.argv[1], sys.argv[2], float(sys.argv[3])
rows = read(table, 100)


def request(model, metadata, raw):
    inputs = []
    for tensor in metadata.inputs:
        values = column(rows, tensor)
        if raw:
            array = np.array(values, dtype=object if tensor.datatype == "BYTES" else np.float64)
            inputs.append(InferInput(tensor.name, [len(rows)], tensor.datatype))
            inputs[-1].set_data_from_numpy(array, binary_data=True)
        else:
            inputs.append(InferInput(tensor.name, [len(rows)], tensor.datatype, data=values))
    return InferRequest(model, inputs, request_id="r-1")


async def main():
    client = InferenceGRPCClient(address)
    assert await client.is_server_live() and await client.is_server_ready()
    assert await client.is_model_ready("churn") and not await client.is_model_ready("nobody")
    metadata = await client._client_stub.ModelMetadata(ModelMetadataRequest(name="churn"))
    assert len(metadata.inputs) == 19, metadata
    for raw in (False, True):
        answer = await client.infer(request("churn", metadata, raw))
        assert (answer.id, answer.model_version) == ("r-1", "1"), (answer.id, answer.model_version)
        outputs = {output.name: output.as_numpy() for output in answer.outputs}
        assert outputs["score"].shape == (100,) and outputs["score"][0] == expected, outputs["score"][:3]
        assert len(outputs["label"]) == 100
        assert "run_id" in answer.parameters, answer.parameters
    try:
        await client.infer(request("nobody", metadata, False))
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND and "nobody" in error.details()
    else:
        raise AssertionError("an unknown model was answered")
    await client.close()


asyncio.run(main())
print("all checks passed")
