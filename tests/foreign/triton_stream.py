"""Streams requests with an unmodified tritonclient, sync and asyncio: ADDRESS CHURN_CSV SCORE_OF_THE_FIRST_ROW."""

import asyncio
import queue
import sys

import numpy as np
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from rows import column, read

address, table, expected = sys.argv[1], sys.argv[2], float(sys.argv[3])
rows = read(table, 1)


def tensors(metadata):
    inputs = []
    for tensor in metadata.inputs:
        kind = object if tensor.datatype == "BYTES" else np.float64
        inputs.append(triton.InferInput(tensor.name, [1], tensor.datatype))
        inputs[-1].set_data_from_numpy(np.array(column(rows, tensor), dtype=kind))
    return inputs


def sync():
    client = triton.InferenceServerClient(address)
    inputs = tensors(client.get_model_metadata("churn"))
    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for i in range(50):
        client.async_stream_infer("nobody" if i == 7 else "churn", inputs, request_id=str(i))
    for i in range(50):
        result, error = answers.get(timeout=60)
        if i == 7:
            assert result is None and str(error).startswith("MODEL_NOT_SERVED: "), error
        else:
            assert error is None and result.get_response().id == str(i), (i, error)
            assert result.as_numpy("score")[0] == expected
    client.stop_stream()


async def asynchronous():
    client = triton_aio.InferenceServerClient(address)
    assert await client.is_server_ready() and await client.is_model_ready("churn")
    inputs = tensors(await client.get_model_metadata("churn"))
    results = await asyncio.gather(*(client.infer("churn", inputs, request_id=str(i)) for i in range(50)))
    assert [result.get_response().id for result in results] == [str(i) for i in range(50)]

    async def requests():
        for i in range(50):
            yield {"model_name": "churn", "inputs": inputs, "request_id": str(i), "model_version": "1"}

    seen = 0
    async for result, error in client.stream_infer(requests()):
        assert error is None and result.get_response().id == str(seen), error
        assert result.as_numpy("score")[0] == expected
        seen += 1
    assert seen == 50
    await client.close()


sync()
asyncio.run(asynchronous())
print("all checks passed")
