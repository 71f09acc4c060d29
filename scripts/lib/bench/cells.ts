/** What is measured: each cell is one load, the same for all relays. */

export type RateCell = {
  name: string;
  bytes: number;
  /** To domains that enforce MTA-STS, or to domains without TLS. */
  tls: boolean;
  domains: number;
  /** Submission connections are kept for many messages, or used for one each. */
  kept: boolean;
};

export const CLIENTS = 50;
/** On a kept connection. */
export const MESSAGES_KEPT = 100;

export const SIZES = { "4k": 4_096, "64k": 65_536 };

/** All of them, like `4k-tls-10` and `64k-plain-1-kept`. */
export const RATE_CELLS: RateCell[] = Object.entries(SIZES).flatMap(([size, bytes]) =>
  [true, false].flatMap((tls) =>
    [10, 1, 100].flatMap((domains) =>
      [false, true].map((kept) => ({
        name: `${size}-${tls ? "tls" : "plain"}-${domains}${kept ? "-kept" : ""}`,
        bytes,
        tls,
        domains,
        kept,
      })),
    ),
  ),
);

/** Not a rate. */
export const OTHER_CELLS = ["half-load", "queue-memory"] as const;
export type OtherCell = (typeof OTHER_CELLS)[number];

export type CellName = RateCell["name"];

export const ALL_CELLS: CellName[] = [...RATE_CELLS.map(({ name }) => name), ...OTHER_CELLS];

/** Every size, encryption and kind of connection with ten domains; one and a hundred domains with small messages. */
export const FULL_CELLS: CellName[] = ALL_CELLS.filter((name) => !/-(?:1|100)-kept$|^64k-\w+-(?:1|100)$/.test(name));

/** What the targets of speed are about. */
export const PARTS_CELLS: CellName[] = ["4k-tls-10", "4k-tls-10-kept", "64k-tls-10", "half-load"];

export const QUICK_CELLS: CellName[] = ["4k-tls-10", "4k-plain-10", "64k-tls-10", ...OTHER_CELLS];

/** Of large messages fewer: a cell is to take about as long. */
export function messagesFor(cell: Pick<RateCell, "bytes">, small: number): number {
  return cell.bytes > 10_000 ? Math.ceil(small / 4) : small;
}
