// Asks Lineal with @grpc/grpc-js and the contract alone: ADDRESS CHURN_CSV SCORE_OF_THE_FIRST_ROW PROTO_FOLDER.
"use strict";

const assert = require("node:assert");
const fs = require("node:fs");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [address, table, score, folder] = process.argv.slice(2);
const expected = Number(score);
const contract = loader.loadSync("inference/grpc_service.proto", { includeDirs: [folder], keepCase: true, longs: Number });
const { GRPCInferenceService } = grpc.loadPackageDefinition(contract).inference;
const client = new GRPCInferenceService(address, grpc.credentials.createInsecure());

const call = (method, request) =>
  new Promise((done, failed) => client[method](request, (error, answer) => (error ? failed(error) : done(answer))));

const [names, first] = fs.readFileSync(table, "utf8").split("\n", 2).map((line) => line.trim().split(","));
const row = Object.fromEntries(names.map((name, i) => [name, first[i]]));

const bytes = (text) => {
  const content = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(content.length);
  return Buffer.concat([length, content]);
};
const number = (text) => {
  const content = Buffer.alloc(8);
  content.writeDoubleLE(Number(text));
  return content;
};

async function main() {
  assert((await call("ServerLive", {})).live && (await call("ServerReady", {})).ready);
  assert(!(await call("ModelReady", { name: "nobody" })).ready);
  const metadata = await call("ModelMetadata", { name: "churn" });
  assert.strictEqual(metadata.inputs.length, 19);

  const inputs = metadata.inputs.map(({ name, datatype }) => ({ name, datatype, shape: [1] }));
  const raw = metadata.inputs.map(({ name, datatype }) => (datatype === "BYTES" ? bytes : number)(row[name]));
  const request = { model_name: "churn", model_version: "@champion", id: "r-1", inputs, raw_input_contents: raw };
  const answer = await call("ModelInfer", request);
  assert.deepStrictEqual([answer.id, answer.model_version], ["r-1", "1"]);
  assert.strictEqual(answer.raw_output_contents[0].readDoubleLE(), expected);
  assert(answer.parameters.run_id.string_param);

  const refused = await call("ModelInfer", { ...request, model_name: "nobody" }).catch((error) => error);
  assert.strictEqual(refused.code, grpc.status.NOT_FOUND);

  const stream = client.ModelStreamInfer();
  const ids = [];
  stream.on("data", ({ error_message: problem = "", infer_response: told }) => {
    assert.strictEqual(problem.startsWith("MODEL_NOT_SERVED: "), told.id === "3", problem);
    ids.push(told.id);
  });
  for (let i = 0; i < 20; i++) {
    stream.write({ ...request, id: String(i), model_name: i === 3 ? "nobody" : "churn" });
  }
  stream.end();
  await new Promise((done, failed) => stream.on("end", done).on("error", failed));
  assert.deepStrictEqual(ids, [...Array(20).keys()].map(String));

  const { model_stats: [statistics] } = await call("ModelStatistics", { name: "churn" });
  assert(statistics.inference_count >= 20 && statistics.inference_stats.success.count >= 20);
  client.close();
  console.log("all checks passed");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
