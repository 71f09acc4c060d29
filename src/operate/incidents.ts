/** The incidents as an operator sees them. */
import { type Incident, type IncidentStore, write } from "../store/incidents.ts";

/** All times in ISO 8601. `closedAt` and `because` only of those that are over. */
export type IncidentView = Pick<Incident, "cause" | "subject" | "detail" | "count" | "because"> & {
  firstAt: string;
  lastAt: string;
  openedAt: string;
  closedAt?: string;
};

/** For JSON and people: without what only the relay compares. */
export function viewOf(incident: Incident): IncidentView {
  const { baseline: _baseline, endsAt: _endsAt, ...view } = write(incident);
  return view as IncidentView;
}

export function createIncidentService(parts: { store: Pick<IncidentStore, "current" | "past"> }) {
  return {
    /** Those that are open, the latest first. */
    async open(): Promise<IncidentView[]> {
      const current = await parts.store.current();
      return current
        .filter(({ openedAt }) => openedAt !== undefined)
        .sort((a, b) => (b.openedAt ?? 0) - (a.openedAt ?? 0))
        .map(viewOf);
    },
    /** Those that are over, the latest first; at most 500 are kept. */
    past: async (): Promise<IncidentView[]> => (await parts.store.past()).map(viewOf),
  };
}
