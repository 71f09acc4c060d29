/**
 * What browsers are told about every answer: nothing from foreign hosts, no
 * frames, nothing kept.
 */

const COMMON = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
};

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "manifest-src 'self'",
  "base-uri 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
];

/** `styles`: `own` from files of ours; `any`, for the board of raw jobs, which writes its own into the page. */
export function securityHeaders(styles: "own" | "any"): Record<string, string> {
  const style = styles === "own" ? "style-src 'self'" : "style-src 'self' 'unsafe-inline'";
  return { ...COMMON, "content-security-policy": [...POLICY, style].join("; ") };
}
