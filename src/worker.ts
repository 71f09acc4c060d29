/** A process of `sts-relay start --processes`: started by the main process, and by nobody else. */
import { runWorker } from "./cli/run-worker.ts";

await runWorker();
