// Loads the driver. It asks on loading whether it runs on Cloudflare, and where there is no `navigator`, before Node 21, it
// finds that out from a Response: all of fetch is loaded for it, an eighth of what a start costs.
import { createRequire } from 'node:module';
import type pg from 'pg';

export const driver = withNavigator(() => createRequire(import.meta.url)('pg') as typeof pg);

/** With the `navigator` that later versions of Node have; it is taken away again, for others look for it as well. */
function withNavigator<T>(load: () => T): T {
  if ('navigator' in globalThis) return load();
  Object.defineProperty(globalThis, 'navigator', {
    value: { userAgent: `Node.js/${process.versions.node}` },
    configurable: true,
  });
  try {
    return load();
  } finally {
    Reflect.deleteProperty(globalThis, 'navigator');
  }
}
