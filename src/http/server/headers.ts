// The headers of whatever is served: nothing is kept, guessed, framed or loaded from anywhere else.

const POLICY = "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** Of every answer. */
export const COMMON_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': POLICY,
};

/** Of a page that has a style of its own and no script. @param style what the policy calls its source. */
export const plainHeaders = (style: string): Readonly<Record<string, string>> => ({
  'content-security-policy': `${POLICY}; style-src ${style}`,
});

/** Of the dashboard: script and style from its files only. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': `${POLICY}; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'`,
};
