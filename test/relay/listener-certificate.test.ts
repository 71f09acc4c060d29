import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createAuthority } from "../../src/lab/authority.ts";
import { renewCertificate, watchCertificate } from "../../src/relay/listener-certificate.ts";
import type { Listener } from "../../src/submission/listener.ts";
import { assertUsable } from "../../src/submission/certificate.ts";
import { createRecordedEvents } from "../support/recorded-events.ts";
import { until } from "../store/support.ts";
import { makeTempDir } from "../support/temp-dir.ts";

test("a certificate whose two files are written one after the other is taken once both are there, in either order", async () => {
  const authority = await createAuthority();
  for (const order of [
    ["certFile", "keyFile"],
    ["keyFile", "certFile"],
  ] as const) {
    await using dir = await makeTempDir();
    const files = { certFile: join(dir.path, "cert.pem"), keyFile: join(dir.path, "key.pem") };
    const textOf = async () => {
      const { certPem, keyPem } = await authority.issue({ names: ["relay.example"] });
      return { certFile: certPem, keyFile: keyPem };
    };
    const [before, after] = await Promise.all([textOf(), textOf()]);
    await Promise.all(order.map((file) => writeFile(files[file], before[file])));

    const recorded = createRecordedEvents();
    let shown = before.certFile;
    const listener: Pick<Listener, "updateCertificate"> = {
      updateCertificate: (certificate) => {
        assertUsable(certificate);
        shown = certificate.cert;
      },
    };
    const renew = () => renewCertificate(files, [listener], recorded.events);
    using _ = watchCertificate(files, () => void renew(), 10);
    const [first, second] = order;
    // Again and again: what is written before the watch has looked once is its beginning, and no change.
    const write = (file: keyof typeof files, event: string) =>
      until(async () => {
        await writeFile(files[file], after[file]);
        return recorded.names.includes(event);
      }, event);
    await write(first, "certificateUnreadable");
    assert.equal(shown, before.certFile, "half of it is not taken");
    await write(second, "certificateLoaded");
    assert.equal(shown, after.certFile);
  }
});
