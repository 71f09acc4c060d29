/** The page, and the document of the API. */
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { type PageFile, readFiles } from "./page-files.ts";

const DIRECTORY = join(import.meta.dirname, "page");

/** Everything that is shown to people is one page, which finds out from its address what to show. */
export async function staticPages(document: () => unknown): Promise<(app: FastifyInstance) => void> {
  const files = await readFiles(DIRECTORY);
  const index = files.get("index.html");
  return (app) => {
    app.get("/api/openapi.json", async () => document());
    for (const [path, file] of files) {
      if (path !== "index.html") app.get(`/${path}`, (_request, reply) => send(reply, file));
    }
    for (const path of PAGES) app.get(path, (_request, reply) => send(reply, index));
  };
}

/** As the page's own `routes.js` knows them. */
const PAGES = [
  "/",
  "/domains",
  "/domains/:domain",
  "/messages",
  "/messages/:id",
  "/queue",
  "/incidents",
  "/exceptions",
];

type Reply = { type(type: string): { send(body: Buffer): unknown }; callNotFound(): unknown };

const send = (reply: Reply, file: PageFile | undefined): unknown =>
  file === undefined ? reply.callNotFound() : reply.type(file.type).send(file.body);
