import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AUTHENTIC_DATA,
  decode,
  encode,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
  type Answer,
  type Packet,
} from "dns-packet";
import fc from "fast-check";
import { buildQuery, readReply, type Question, type Reading } from "../../src/dns/message.ts";

const ID = 4711;
const question: Question = { name: "www.example.test", type: "A" };

const a = (name: string, data = "192.0.2.1", ttl = 300): Answer => ({ type: "A", name, ttl, data });
const cname = (name: string, data: string, ttl = 300): Answer => ({ type: "CNAME", name, ttl, data });
const soa = (name: string, minimum: number, ttl: number): Answer => ({
  type: "SOA",
  name,
  ttl,
  data: { mname: "ns.test", rname: "hostmaster.test", minimum },
});
const ns = (name: string): Answer => ({ type: "NS", name, ttl: 300, data: "ns.test" });

const NXDOMAIN = 3;

function reply(parts: Packet & { rcode?: number }): Buffer {
  return encode({
    type: "response",
    id: ID,
    questions: [{ name: "www.example.test", type: "A" }],
    ...parts,
    flags: (parts.flags ?? 0) | (parts.rcode ?? 0),
  });
}

const read = (parts: Packet & { rcode?: number }): Reading => readReply(reply(parts), question, ID);

/** The part of a reading that a case is about, on one line. */
function summary(reading: Reading): string {
  if (reading.kind === "follow") return `follow ${reading.name} ${reading.ttlSeconds}s`;
  if (reading.kind !== "answer") return reading.kind;
  const { answer } = reading;
  if (answer.kind === "unknown") return `unknown ${answer.why}`;
  if (answer.kind === "absent") return `${answer.status} ${answer.ttlSeconds}s`;
  return `${answer.records.length} at ${answer.name} ${answer.ttlSeconds}s`;
}

test("a query asks one question, wants recursion and AD, and offers 1232 bytes (RFC 6891, RFC 6840 section 5.7)", () => {
  const query = decode(buildQuery({ name: "_mta-sts.example.test", type: "TXT" }, 513));
  assert.equal(query.type, "query");
  assert.equal(query.id, 513);
  assert.equal(query.flags, RECURSION_DESIRED | AUTHENTIC_DATA);
  assert.deepEqual(query.questions, [{ name: "_mta-sts.example.test", type: "TXT", class: "IN" }]);
  const [opt, ...more] = query.additionals ?? [];
  assert.deepEqual(more, []);
  assert.ok(opt?.type === "OPT");
  assert.equal(opt.udpPayloadSize, 1232);
  assert.equal(opt.flag_do, false);
});

test("only a reply to this very question is read (RFC 5452 section 9.1)", () => {
  const answers = [a("www.example.test")];
  const cases: Record<string, [Packet, string]> = {
    "the same question": [{ answers }, "1 at www.example.test 300s"],
    "the question in other case": [
      { answers, questions: [{ name: "WWW.Example.test", type: "A" }] },
      "1 at www.example.test 300s",
    ],
    "another id": [{ answers, id: ID + 1 }, "not-ours"],
    "a query": [{ answers, type: "query" }, "not-ours"],
    "another name": [{ answers, questions: [{ name: "example.test", type: "A" }] }, "not-ours"],
    "another type": [{ answers, questions: [{ name: "www.example.test", type: "AAAA" }] }, "not-ours"],
    "another class": [{ answers, questions: [{ name: "www.example.test", type: "A", class: "CH" }] }, "not-ours"],
    "no question": [{ answers, questions: [] }, "not-ours"],
    "two questions": [
      {
        answers,
        questions: [
          { name: "www.example.test", type: "A" },
          { name: "www.example.test", type: "A" },
        ],
      },
      "not-ours",
    ],
    "another opcode (NOTIFY)": [{ answers, flags: 4 << 11 }, "not-ours"],
  };
  for (const [what, [parts, expected]] of Object.entries(cases)) assert.equal(summary(read(parts)), expected, what);
});

test("every error code but NXDOMAIN says nothing about the name (STS-TXT-7)", () => {
  const cases: Record<number, string> = {
    1: "unknown servfail",
    2: "unknown servfail",
    3: "nxdomain 10s",
    4: "unknown servfail",
    5: "unknown refused",
    9: "unknown servfail",
    15: "unknown servfail",
  };
  for (const [rcode, expected] of Object.entries(cases))
    assert.equal(summary(read({ rcode: Number(rcode) })), expected, `rcode ${rcode}`);
});

test("an extended error code is not NOERROR (RFC 6891 section 6.1.3)", () => {
  const opt: Answer = {
    type: "OPT",
    name: ".",
    udpPayloadSize: 1232,
    extendedRcode: 1, // 16 with the header's 0: BADVERS
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
  assert.equal(summary(read({ additionals: [opt] })), "unknown servfail");
});

test("the CNAME chain is followed inside the reply (RFC 1034 section 3.6.2)", () => {
  const long = (links: number) =>
    Array.from({ length: links }, (_, i) => cname(i === 0 ? "www.example.test" : `n${i}.test`, `n${i + 1}.test`));
  const cases: Record<string, [Answer[], string]> = {
    "one link": [[cname("www.example.test", "b.test", 60), a("b.test")], "1 at b.test 60s"],
    "names in other case": [[cname("WWW.example.TEST", "B.test"), a("b.TEST")], "1 at b.test 300s"],
    "in any order": [
      [a("c.test", "192.0.2.3", 30), cname("b.test", "c.test"), cname("www.example.test", "b.test")],
      "1 at c.test 30s",
    ],
    "records of other names are passed over": [[a("www.example.test"), a("other.test")], "1 at www.example.test 300s"],
    "records of other classes are passed over": [
      [{ type: "A", name: "www.example.test", ttl: 1, data: "192.0.2.9", class: "CH" }, a("www.example.test")],
      "1 at www.example.test 300s",
    ],
    "records of other types are passed over": [[ns("www.example.test")], "nodata 10s"],
    "an end outside the reply": [[cname("www.example.test", "Away.test", 60)], "follow away.test 60s"],
    "an end that cannot be asked": [[cname("www.example.test", "a b.test")], "unknown bad-name"],
    "a loop": [[cname("www.example.test", "b.test"), cname("b.test", "www.example.test")], "unknown cname-loop"],
    "an alias of itself": [[cname("www.example.test", "www.example.test")], "unknown cname-loop"],
    "16 links": [[...long(16), a("n16.test")], "1 at n16.test 300s"],
    "17 links": [[...long(17), a("n17.test")], "unknown cname-loop"],
  };
  for (const [what, [answers, expected]] of Object.entries(cases))
    assert.equal(summary(read({ answers })), expected, what);
});

test("NXDOMAIN and NODATA live as long as the SOA says (RFC 2308 sections 3 and 5)", () => {
  const link = cname("www.example.test", "b.test", 40);
  const cases: Record<string, [Packet & { rcode?: number }, string]> = {
    "the SOA's minimum": [{ rcode: NXDOMAIN, authorities: [soa("example.test", 60, 3600)] }, "nxdomain 60s"],
    "the SOA's own TTL": [{ rcode: NXDOMAIN, authorities: [soa("example.test", 3600, 50)] }, "nxdomain 50s"],
    "at most 15 minutes": [{ rcode: NXDOMAIN, authorities: [soa("example.test", 86_400, 86_400)] }, "nxdomain 900s"],
    "no SOA, for an address": [{ rcode: NXDOMAIN }, "nxdomain 10s"],
    "an SOA of another zone": [{ rcode: NXDOMAIN, authorities: [soa("ample.test", 60, 60)] }, "nxdomain 10s"],
    "the root's SOA": [{ rcode: NXDOMAIN, authorities: [soa(".", 60, 60)] }, "nxdomain 60s"],
    "NODATA with SOA": [{ authorities: [soa("www.example.test", 60, 60)] }, "nodata 60s"],
    "NODATA with SOA and NS": [{ authorities: [soa("test", 60, 60), ns("test")] }, "nodata 60s"],
    "NODATA without SOA, for an address": [{}, "nodata 10s"],
    "NXDOMAIN after a CNAME": [
      { rcode: NXDOMAIN, answers: [link], authorities: [soa("test", 60, 60)] },
      "nxdomain 40s",
    ],
    "NODATA after a CNAME": [{ answers: [link], authorities: [soa("b.test", 60, 60)] }, "nodata 40s"],
    "a CNAME and the SOA of where it came from": [
      { answers: [link], authorities: [soa("example.test", 60, 60)] },
      "follow b.test 40s",
    ],
  };
  for (const [what, [parts, expected]] of Object.entries(cases)) assert.equal(summary(read(parts)), expected, what);
});

test("without an SOA it is kept for an address alone, and shortly: no policy or route is denied by it (RFC 2308 section 5)", () => {
  for (const [type, seconds] of [
    ["A", 10],
    ["AAAA", 10],
    ["MX", 0],
    ["TXT", 0],
  ] as const) {
    const asked = { name: "www.example.test", type };
    const answered = (parts: Packet & { rcode?: number }) =>
      summary(readReply(reply({ questions: [asked], ...parts }), asked, ID));
    assert.equal(answered({}), `nodata ${seconds}s`, type);
    assert.equal(answered({ rcode: NXDOMAIN }), `nxdomain ${seconds}s`, type);
  }
});

test("a referral is no denial: the server does not recurse (RFC 2308 section 2.2)", () => {
  assert.equal(summary(read({ authorities: [ns("example.test")] })), "unknown servfail");
});

test("records together with NXDOMAIN are no answer", () => {
  assert.equal(summary(read({ rcode: NXDOMAIN, answers: [a("www.example.test")] })), "unknown malformed");
});

test("the TTL is the smallest on the way, at most a day, and 0 with its highest bit set (RFC 2181 section 8)", () => {
  const cases: [Answer[], string][] = [
    [[a("www.example.test", "192.0.2.1", 90), a("www.example.test", "192.0.2.2", 30)], "2 at www.example.test 30s"],
    [[a("www.example.test", "192.0.2.1", 604_800)], "1 at www.example.test 86400s"],
    [[a("www.example.test", "192.0.2.1", 0)], "1 at www.example.test 0s"],
    [[a("www.example.test", "192.0.2.1", 0x8000_0001)], "1 at www.example.test 0s"],
    [[cname("www.example.test", "b.test", 0x8000_0001), a("b.test")], "1 at b.test 0s"],
  ];
  for (const [answers, expected] of cases) assert.equal(summary(read({ answers })), expected);
});

test("the AD bit comes through, for denials and chains too (RFC 4035 section 3.2.3)", () => {
  const cases: Packet[] = [
    { answers: [a("www.example.test")] },
    { authorities: [soa("example.test", 60, 60)] },
    { answers: [cname("www.example.test", "b.test")] },
  ];
  for (const parts of cases) {
    for (const flags of [0, AUTHENTIC_DATA]) {
      const reading = read({ ...parts, flags });
      const said = reading.kind === "answer" ? reading.answer : reading;
      assert.ok("authentic" in said);
      assert.equal(said.authentic, flags === AUTHENTIC_DATA);
    }
  }
});

test("TC counts before anything else, also where the reply ends inside a record (RFC 2181 section 9)", () => {
  const whole = reply({ flags: TRUNCATED_RESPONSE, answers: [a("www.example.test")] });
  const questionEnd = 12 + "www.example.test".length + 2 + 4;
  for (let end = questionEnd; end <= whole.length; end++)
    assert.deepEqual(readReply(whole.subarray(0, end), question, ID), { kind: "truncated" }, `${end} bytes`);
});

test("a reply that ends too early is malformed, never a shorter answer", () => {
  const replies: [Question, Buffer][] = [
    [question, reply({ answers: [a("www.example.test")] })],
    [
      { name: "www.example.test", type: "TXT" },
      reply({
        questions: [{ name: "www.example.test", type: "TXT" }],
        answers: [{ type: "TXT", name: "www.example.test", ttl: 1, data: ["v=STSv1; id=1;"] }],
      }),
    ],
    [
      { name: "www.example.test", type: "MX" },
      reply({
        questions: [{ name: "www.example.test", type: "MX" }],
        answers: [{ type: "MX", name: "www.example.test", ttl: 1, data: { preference: 1, exchange: "mx.test" } }],
      }),
    ],
  ];
  const questionEnd = 12 + "www.example.test".length + 2 + 4;
  for (const [asked, whole] of replies) {
    assert.match(summary(readReply(whole, asked, ID)), /^1 at/);
    for (let end = 0; end < whole.length; end++) {
      const expected = end < questionEnd ? "not-ours" : "unknown malformed";
      assert.equal(summary(readReply(whole.subarray(0, end), asked, ID)), expected, `${asked.type}, ${end} bytes`);
    }
  }
});

test("no bytes make the reader throw", () => {
  const head = reply({}).subarray(0, 12 + 18 + 4);
  const bytes = fc.uint8Array({ maxLength: 300 }).map((tail) => Buffer.from(tail));
  fc.assert(
    fc.property(
      fc.oneof(
        bytes,
        bytes.map((tail) => Buffer.concat([head, tail])),
      ),
      (message) => {
        assert.ok(readReply(message, question, ID).kind);
      },
    ),
  );
});

test("no change to a good reply makes the reader throw or invent an address", () => {
  const good = reply({
    answers: [cname("www.example.test", "b.test"), a("b.test"), a("b.test", "192.0.2.2")],
    authorities: [soa("b.test", 60, 60)],
  });
  const change = fc.record({ at: fc.nat(good.length - 1), to: fc.integer({ min: 0, max: 255 }) });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), fc.nat(good.length), (changes, cut) => {
      const message = Buffer.from(good.subarray(0, good.length - (cut % 8)));
      for (const { at, to } of changes) if (at < message.length) message[at] = to;
      const reading = readReply(message, question, ID);
      if (reading.kind !== "answer" || reading.answer.kind !== "found") return;
      for (const record of reading.answer.records) {
        assert.equal(record.type, "A");
        assert.match(String("data" in record && record.data), /^\d+\.\d+\.\d+\.\d+$/);
      }
    }),
    { numRuns: 500 },
  );
});
