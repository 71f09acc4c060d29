/** The page's files, read once: they are few and small. */
import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";

export type PageFile = { type: string; body: Buffer };

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};

/** By path below `directory`, as in a URL: `views/queue.js`. Files of other kinds are left out. */
export async function readFiles(directory: string): Promise<Map<string, PageFile>> {
  const files = new Map<string, PageFile>();
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const type = TYPES[extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(
      path
        .slice(directory.length)
        .replace(/^[/\\]/, "")
        .replaceAll("\\", "/"),
      { type, body: await readFile(path) },
    );
  }
  return files;
}
