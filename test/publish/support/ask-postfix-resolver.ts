/**
 * To be run in a network of its own: a relay publishes policies of each kind,
 * and postfix-mta-sts-resolver says what it makes of each. Prints JSON.
 */
import { startLab } from "../../../src/lab/lab.ts";
import type { DnsRecord } from "../../../src/publish/records.ts";
import { stsRelay } from "../../cli/run.ts";
import { programPath, runProgram } from "../../support/real-programs.ts";
import { startTestRelay, type TestRelay } from "../../support/relay.ts";
import { makeTempDir } from "../../support/temp-dir.ts";
import { OURS, publishSettings, setRecords } from "./our-domain.ts";
import { NETWORK, POLICIES, type Said } from "./postfix-resolver-cases.ts";

await using lab = await startLab({ only: [], ...NETWORK });
await using dir = await makeTempDir();
await lab.add({ name: OURS });
const publish = await publishSettings(lab, dir.path, POLICIES[0]);
await using relay = await startTestRelay(lab, { publish });
const caFile = `${relay.dir}/ca.pem`;

const said: Said[] = [];
let lastId = "";
for (const policy of POLICIES) {
  await relay.reload({ publish: { domains: { [OURS]: policy } } });
  const { id, records } = await printedRecords(relay);
  setRecords(lab, records);
  said.push({ id, answer: await ask(lastId), again: await ask(id) });
  lastId = id;
}
process.stdout.write(JSON.stringify(said));

async function ask(knownId: string): Promise<string> {
  const known = knownId === "" ? [] : [knownId];
  return (await runProgram(programPath("mta-sts-query"), [OURS, ...known], { SSL_CERT_FILE: caFile })).stdout.trim();
}

async function printedRecords({ dir }: TestRelay): Promise<{ id: string; records: DnsRecord[] }> {
  const { stdout } = await stsRelay(["publish", "records", "--json", "-c", "relay.yaml"], { cwd: dir });
  const [printed] = JSON.parse(stdout) as [{ id: string; records: DnsRecord[] }];
  return printed;
}
