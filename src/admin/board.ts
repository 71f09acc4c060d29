/**
 * bull-board, the board of raw jobs, to look at only. It is served without its own
 * server adapter, because its page asks a foreign host for fonts: here the page is
 * put together from its scripts alone.
 */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import type { AppControllerRoute, BullBoardQueues, IServerAdapter, UIConfig } from "@bull-board/api/typings/app";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type PageFile, readFiles } from "./page-files.ts";
import { securityHeaders } from "./security-headers.ts";

type Queues = ConstructorParameters<typeof BullMQAdapter>[0][];

export const BOARD_PATH = "/queues";

/** Made when it is first asked for: most relays never are. */
export function boardPages(queues: () => Queues): (app: FastifyInstance) => void {
  let board: Promise<Board> | undefined;
  const get = () => (board ??= createBoard(queues()));
  return (app) => {
    app.get(BOARD_PATH, async (_request, reply) => sendPage(reply, await get()));
    app.get(`${BOARD_PATH}/*`, async (request, reply) => answer(await get(), request, reply));
  };
}

type Board = {
  page: string;
  files: Map<string, PageFile>;
  routes: AppControllerRoute[];
  queues: BullBoardQueues;
  uiConfig: UIConfig;
};

async function createBoard(queues: Queues): Promise<Board> {
  const directory = join(dirname(createRequire(import.meta.url).resolve("@bull-board/ui/package.json")), "dist");
  const [files, template] = await Promise.all([
    readFiles(join(directory, "static")),
    readFile(join(directory, "index.ejs"), "utf8"),
  ]);
  const adapter = createAdapter();
  createBullBoard({
    queues: queues.map((queue) => new BullMQAdapter(queue, { readOnlyMode: true })),
    serverAdapter: adapter,
    options: { uiConfig: { boardTitle: "sts-relay: raw jobs", hideRedisDetails: true, hideDocsLink: true } },
  });
  const { routes, queues: known, uiConfig } = adapter.taken;
  return { page: pageOf(template, uiConfig), files, routes, queues: known, uiConfig };
}

function createAdapter(): IServerAdapter & {
  taken: { routes: AppControllerRoute[]; queues: BullBoardQueues; uiConfig: UIConfig };
} {
  const taken = { routes: [] as AppControllerRoute[], queues: new Map() as BullBoardQueues, uiConfig: {} as UIConfig };
  const adapter = {
    taken,
    setQueues(queues: BullBoardQueues) {
      taken.queues = queues;
      return adapter;
    },
    setApiRoutes(routes: AppControllerRoute[]) {
      taken.routes = routes.filter(({ method }) => [method].flat().includes("get"));
      return adapter;
    },
    setUIConfig(config: UIConfig) {
      taken.uiConfig = config;
      return adapter;
    },
    setViewsPath: () => adapter,
    setStaticPath: () => adapter,
    setEntryRoute: () => adapter,
    setErrorHandler: () => adapter,
  };
  return adapter;
}

/** Its own styles and scripts, and nothing else. */
function pageOf(template: string, uiConfig: UIConfig): string {
  const named = [...template.matchAll(/(?:href|src)="(static\/(?:css|js)\/[\w.-]+)"/g)].map(([, path = ""]) => path);
  const styles = named.filter((path) => path.endsWith(".css")).map((path) => `<link href="${path}" rel="stylesheet">`);
  const scripts = named.filter((path) => path.endsWith(".js")).map((path) => `<script defer src="${path}"></script>`);
  // In a script element "<" could end it.
  const config = JSON.stringify(uiConfig).replaceAll("<", "\\u003c");
  return `<!DOCTYPE html>
<html lang="en" dir="ltr">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<base href="${BOARD_PATH}/">
<title>sts-relay: raw jobs</title>
<link rel="icon" type="image/svg+xml" href="/icon.svg">
${styles.join("\n")}
</head>
<body>
<script id="__UI_CONFIG__" type="application/json">${config}</script>
<div id="root"></div>
${scripts.join("\n")}
</body>
</html>
`;
}

const sendPage = (reply: FastifyReply, { page }: Board) =>
  reply.headers(securityHeaders("any")).type("text/html; charset=utf-8").send(page);

async function answer(board: Board, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const path = new URL(request.url, "http://localhost").pathname.slice(BOARD_PATH.length);
  const file = board.files.get(path.replace(/^\/static\//, ""));
  if (file !== undefined) return reply.type(file.type).send(file.body);
  for (const controller of board.routes) {
    const params = [controller.route]
      .flat()
      .map((each) => match(each, path))
      .find((found) => found !== undefined);
    if (params === undefined) continue;
    const { query, headers } = request;
    const { status = 200, body } = await controller.handler({
      queues: board.queues,
      uiConfig: board.uiConfig,
      params,
      query: query as Record<string, string>,
      body: {},
      headers: headers as Record<string, string>,
    });
    return reply.code(status).send(body);
  }
  // Its page finds out from the address what to show.
  return path.startsWith("/api/") || path.startsWith("/static/") ? reply.callNotFound() : sendPage(reply, board);
}

/** `/api/queues/:queueName` */
function match(route: string, path: string): Record<string, string> | undefined {
  const parts = [route, path].map((each) => each.split("/"));
  const [names = [], values = []] = parts;
  if (names.length !== values.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, name] of names.entries()) {
    const value = values[index] ?? "";
    if (name.startsWith(":")) params[name.slice(1)] = decodeURIComponent(value);
    else if (name !== value) return undefined;
  }
  return params;
}
