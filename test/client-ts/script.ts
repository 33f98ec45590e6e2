// A script of calls with a client whose types are generated from spec/openapi.yaml. What it says wrong about the API does not
// compile; what the server answers otherwise throws. The address of the server is its argument.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./recourse.js";

type Command = components["schemas"]["Command"];
const client = createClient<paths>({ baseUrl: process.argv[2] ?? "http://127.0.0.1:7070" });

function pull(project: number, title = `Change ${project}`) {
  return { type: "github.create_pr", payload: { project, customer: 7, repo: "web", branch: `b-${project}`, title } };
}

// submitted, waited for, sent again
const wait = { params: { query: { wait: "30s" } } };
const first = await client.POST("/v1/commands", { body: pull(1), ...wait });
assert.equal(first.response.status, 201);
const command = first.data as Command;
assert.equal(command.state, "completed");
assert.deepEqual(command.steps.map((step) => step.state), ["succeeded", "succeeded"]);
const again = await client.POST("/v1/commands", { body: pull(1) });
assert.equal(again.response.status, 200);
assert.equal(again.response.headers.get("Idempotency-Replayed"), "true");
assert.equal(again.data?.id, command.id);

// refused, with a type that a program can look at
const conflict = await client.POST("/v1/commands", { body: pull(1, "another title") });
assert.equal(conflict.error?.code, "key-conflict");
assert.equal(conflict.error?.command, `/v1/commands/${command.id}`);
const invalid = await client.POST("/v1/commands", { body: { type: "github.create_pr", payload: { project: 2 } } });
assert.equal(invalid.error?.code, "invalid");
assert.ok(invalid.error?.errors?.some((one) => one.pointer === "/payload/title"));

// read: by id, by key, in pages, what happened, what can be done
const path = { id: command.id };
assert.equal((await client.GET("/v1/commands/{id}", { params: { path } })).data?.key, command.key);
const query = { type: command.type, key: command.key };
assert.equal((await client.GET("/v1/commands/by-key", { params: { query } })).data?.id, command.id);
await client.POST("/v1/commands", { body: pull(3), ...wait });
const ids: string[] = [];
for (let cursor: string | null | undefined; cursor !== null; ) {
  const page = await client.GET("/v1/commands", { params: { query: cursor ? { limit: 1, cursor } : { limit: 1 } } });
  assert.ok(page.data);
  ids.push(...page.data.commands.map((row) => row.id));
  cursor = page.data.next;
}
assert.equal(ids.length, 2);
const history = await client.GET("/v1/commands/{id}/history", { params: { path } });
assert.equal(history.data?.records[0]?.cause.kind, "submitted");
const explained = await client.GET("/v1/commands/{id}/explain", { params: { path } });
assert.equal(explained.data?.actions.roll_back.allowed, true);

// acted upon, exactly as it was seen
const plan = await client.GET("/v1/commands/{id}/actions/roll_back", { params: { path } });
assert.equal(plan.data?.undo[0]?.step, "create");
const etag = plan.response.headers.get("ETag");
assert.ok(etag);
const act = (match: string) =>
  client.POST("/v1/commands/{id}/actions/{action}", {
    params: { path: { ...path, action: "roll_back" }, header: { "If-Match": match } },
    body: { reason: "opened for the wrong customer" },
  });
assert.equal((await act('"1"')).error?.code, "stale");
assert.equal((await act(etag)).response.status, 200);
const after = await client.GET("/v1/commands/{id}", { params: { path, query: { wait: "30s" } } });
assert.equal(after.data?.state, "rolled_back");

// definitions and the server
const definitions = await client.GET("/v1/definitions");
assert.ok(definitions.data?.definitions.some((one) => one.kind === "flow" && one.name === command.type));
assert.equal((await client.GET("/healthz")).data?.status, "alive");
assert.equal((await client.GET("/readyz")).data?.ready, true);
assert.ok((await client.GET("/v1")).data?.routes.some((route) => route.path === "/v1/commands/{id}"));
const metrics = await client.GET("/metrics", { parseAs: "text" });
assert.match(metrics.data ?? "", /^recourse_/m);
console.log(`done: ${ids.length} commands`);
