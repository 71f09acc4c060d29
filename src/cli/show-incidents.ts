/** Shows incidents. */
import { createIncidentService, type IncidentView } from "../operate/incidents.ts";
import { fromNow } from "../operate/rough-time.ts";
import { createIncidentStore } from "../store/incidents.ts";
import { EXIT } from "./exit-codes.ts";
import { type Column, renderColumns, widthOf } from "./terminal.ts";
import { withStore } from "./with-store.ts";

/** Answers with the exit code. */
export function showIncidents(where: { config?: string }, all: boolean, json: boolean): Promise<number> {
  return withStore(where, async (connection) => {
    const service = createIncidentService({ store: createIncidentStore(connection) });
    const open = await service.open();
    const past = all ? await service.past() : undefined;
    const width = widthOf(process.stdout);
    if (json) print(`${JSON.stringify({ open, ...(past === undefined ? {} : { past }) }, undefined, 2)}\n`);
    else {
      print(open.length === 0 ? "No open incidents.\n" : renderColumns(open, columns(Date.now()), width));
      if (past !== undefined && past.length > 0) {
        print(`\nOver:\n${renderColumns(past, [...columns(Date.now()), ...pastColumns], width)}`);
      }
    }
    return open.length === 0 ? EXIT.ok : EXIT.failed;
  });
}

const columns = (now: number): Column<IncidentView>[] => [
  { title: "where", cell: ({ subject }) => (subject === "*" ? "everywhere" : subject) },
  { title: "cause", cell: ({ cause }) => cause },
  { title: "since", cell: ({ firstAt }) => fromNow(Date.parse(firstAt), now), right: true },
  { title: "last", cell: ({ lastAt }) => fromNow(Date.parse(lastAt), now), right: true },
  { title: "times", cell: ({ count }) => String(count), right: true },
  { title: "what", cell: ({ detail }) => detail, flexible: true },
];

const pastColumns: Column<IncidentView>[] = [
  { title: "over because", cell: ({ because = "" }) => because, flexible: true },
];

const print = (text: string) => void process.stdout.write(text);
