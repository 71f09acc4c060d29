/** The API of the admin port over a relay in the lab: each operation, and the document that describes it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import { startLab } from "../../src/lab/lab.ts";
import { type AdminRelay, type Ask, startAdminRelay } from "../support/admin.ts";

const GOOD = "good-enforce.test";
const BROKEN = "expired.test";

type Operation = {
  operationId: string;
  responses: Record<string, { content: { "application/json": { schema: object } } }>;
};
type Document = { paths: Record<string, Record<string, Operation>>; components: object };

test("each operation answers as the OpenAPI document says, and the document is valid", async () => {
  await using lab = await startLab({ only: [GOOD, BROKEN] });
  await using relay = await startAdminRelay(lab, { check: { watch: [GOOD] } });
  const document = (await relay.ask("/api/openapi.json")).body as unknown as Document;
  const judged = await new Validator().validate(structuredClone(document));
  assert.equal(judged.valid, true, JSON.stringify(judged.errors));

  await relay.send(`user@${GOOD}`);
  await relay.send(`user@${BROKEN}`);
  const held = await relay.submit(`other@${BROKEN}`);
  await relay.settled(held, BROKEN);
  const asked = createAsker(relay, document);

  const { body: all } = await asked("GET", "/api/messages", "?limit=10");
  assert.equal((all["messages"] as unknown[]).length, 3);
  const { body: some } = await asked("GET", "/api/messages", `?to=${BROKEN}&state=deferred`);
  assert.equal((some["messages"] as unknown[]).length, 2);
  const { body: one } = await asked("GET", "/api/messages/{id}", "", { id: held });
  assert.match(JSON.stringify(one), /its certificate expired on/);
  await asked("GET", "/api/messages/{id}", "", { id: "nothing" }, {}, 404);

  await asked("GET", "/api/overview");
  await asked("GET", "/api/queue");
  const { body: jobs } = await asked("GET", "/api/queue/jobs", `?to=${BROKEN}`);
  assert.equal(jobs["matched"], 2);
  await changeQueue(asked, held);

  await asked("GET", "/api/policies");
  await asked("GET", "/api/policies/{domain}", "", { domain: GOOD });
  await asked("GET", "/api/policies/{domain}", "", { domain: "unknown.test" }, {}, 404);
  const { body: refreshed } = await asked("POST", "/api/policies/{domain}/refresh", "", { domain: GOOD });
  assert.equal(refreshed["fetched"], true);
  const { body: forgotten } = await asked("DELETE", "/api/policies/{domain}", "", { domain: GOOD });
  assert.equal(forgotten["forgotten"], true);
  await asked("GET", "/api/shadow", "?days=3");
  await changeRules(asked);

  await asked("GET", "/api/incidents");
  const { body: domains } = await asked("GET", "/api/domains", "?sort=verdict&order=desc&search=expired");
  assert.equal(domains["matched"], 1);
  await asked("GET", "/api/domains/{domain}", "", { domain: BROKEN });
  const { body: check } = await asked("POST", "/api/domains/{domain}/check", "", { domain: BROKEN });
  assert.equal(check["severity"], "error");
  const file = { body: { text: "version: STSv1\nmode: enforce\n" } };
  const { body: notes } = await asked("POST", "/api/check-policy-file", "", {}, file);
  assert.equal(notes["severity"], "error");
  await asked("GET", "/api/watched");

  const left = Object.values(document.paths)
    .flatMap((path) => Object.values(path))
    .map((each) => each.operationId);
  assert.deepEqual(
    left.filter((id) => !asked.seen.has(id)),
    [],
  );
});

type Asker = ReturnType<typeof createAsker>;

async function changeQueue(asked: Asker, held: string): Promise<void> {
  const change = (verb: string, body: object, status = 200) =>
    asked("POST", "/api/queue/{verb}", "", { verb }, { body }, status);
  await change("drop", {}, 422);
  await change("retry", { misspelt: true }, 400);
  const { body: dry } = await change("drop", { all: true, dryRun: true });
  assert.deepEqual([dry["matched"], dry["dryRun"]], [2, true]);
  const { body: hold } = await change("hold", { messages: [held], reason: "waits for a call" });
  assert.deepEqual(hold["results"], { done: 1, ordered: 0, already: 0, gone: 0 });
  const { body: story } = await asked("GET", "/api/messages/{id}", "", { id: held });
  assert.match(JSON.stringify(story), /admin port held it back.*waits for a call/);
  await change("drop", { messages: [held] });
}

async function changeRules(asked: Asker): Promise<void> {
  const domain = BROKEN;
  await asked("PUT", "/api/rules/{domain}", "", { domain }, { body: { mtaSts: "disable" } }, 400);
  const both = { mtaSts: "disable", pinMx: ["mx.test"], reason: "both" };
  await asked("PUT", "/api/rules/{domain}", "", { domain }, { body: both }, 422);
  const until = new Date(Date.now() + 3_600_000).toISOString();
  await asked("PUT", "/api/rules/{domain}", "", { domain }, { body: { mtaSts: "disable", reason: "a test", until } });
  const { body: rules } = await asked("GET", "/api/rules");
  assert.equal((rules["exceptions"] as unknown[]).length, 1);
  await asked("DELETE", "/api/rules/{domain}", "", { domain });
  await asked("DELETE", "/api/rules/{domain}", "", { domain }, {}, 404);
  const { body: trail } = await asked("GET", "/api/trail");
  assert.deepEqual(
    (trail["trail"] as { kind: string; by: string }[]).map(({ kind, by }) => `${by} ${kind}`),
    ["admin port rule-removed", "admin port rule-set", "admin port policy-forgotten"],
  );
}

/** Asks, and holds the answer against its schema. */
function createAsker(relay: AdminRelay, document: Document) {
  const ajv = new Ajv2020({ strict: false, formats: { "date-time": /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/ } });
  ajv.addSchema({ $id: "api", components: document.components });
  const seen = new Set<string>();
  const asked = async (
    method: string,
    path: string,
    query = "",
    params: Record<string, string> = {},
    request: Ask = {},
    status = 200,
  ) => {
    const operation = document.paths[path]?.[method.toLowerCase()];
    assert.ok(operation, `${method} ${path} is in the document`);
    seen.add(operation.operationId);
    const place = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ""));
    const answer = await relay.ask(place + query, { method, ...request });
    assert.equal(answer.status, status, `${method} ${place}: ${JSON.stringify(answer.body)}`);
    const schema = operation.responses[String(status)]?.content["application/json"].schema;
    assert.ok(schema, `${method} ${path} may answer ${status}`);
    const fits = ajv.validate("$ref" in schema ? { $ref: `api${String(schema.$ref)}` } : schema, answer.body);
    assert.ok(fits, `${method} ${place}: ${ajv.errorsText()} in ${JSON.stringify(answer.body)}`);
    return answer;
  };
  return Object.assign(asked, { seen });
}
