/**
 * Writes config/relay.example.yaml from the schema.
 * Run after a change to src/config/schema.ts; a test compares the two.
 */
import { writeFileSync } from "node:fs";
import { renderExample } from "../src/config/example.ts";
import { schema } from "../src/config/schema.ts";

writeFileSync(new URL("../config/relay.example.yaml", import.meta.url), renderExample(schema));
