/**
 * How long a message waits in a relay that is not pressed: mail at a fixed rate,
 * half of what this relay delivers under the same load, found out just before.
 */
import { loadOf, type Run, underLoad, warmUp } from "./measure.ts";
import type { Measurement } from "./measurement.ts";
import type { Surroundings } from "./relays/kind.ts";
import { startRelay } from "./relays/start.ts";

export type HalfLoad = { rate: number; measurement: Measurement };

const CELL = { bytes: 4_096, tls: true, domains: 10, kept: true };

export async function measureHalfLoad(
  run: Run,
  messages: number,
  seconds: number,
  around: Surroundings,
): Promise<HalfLoad> {
  const relay = await startRelay(run.relay, around, CELL.tls);
  try {
    await warmUp(CELL, relay, around);
    const pressed = await underLoad(run, loadOf(CELL, messages), relay, around);
    const rate = Math.max(1, Math.floor(pressed.deliveredRate / 2));
    const paced = { ...loadOf(CELL, Math.ceil(rate * seconds)), rate };
    return { rate, measurement: await underLoad(run, paced, relay, around) };
  } finally {
    await relay.stop();
  }
}
