/** Events that are kept instead of logged. */
import type { Events } from "../../src/observe/events.ts";

type What<Name extends keyof Events> = Parameters<Events[Name]>[0];

export type RecordedEvents = {
  events: Events;
  /** The names, in order. */
  readonly names: string[];
  /** What was told under this name, in order. */
  of: <Name extends keyof Events>(name: Name) => What<Name>[];
};

export function createRecordedEvents(): RecordedEvents {
  const seen: { name: string | symbol; what: unknown }[] = [];
  const events = new Proxy({} as Events, {
    get: (_target, name) => (what: unknown) => void seen.push({ name, what }),
  });
  return {
    events,
    get names() {
      return seen.map(({ name }) => String(name));
    },
    of: <Name extends keyof Events>(name: Name) =>
      seen.filter((one) => one.name === name).map(({ what }) => what as What<Name>),
  };
}
