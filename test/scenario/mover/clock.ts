// The wall clock of a Node process, set while it runs.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { givenFolder } from '../../support/files.ts';

export interface Clock {
  /** For the process whose clock it is. */
  readonly env: Readonly<Record<string, string>>;
  /** So many ms ahead of the true time from now on. */
  set(aheadMs: number): void;
}

/** Only what the wall clock says changes; durations stay what they are. */
export function givenClock(aheadMs: number): Clock {
  const folder = givenFolder();
  const file = join(folder, 'ahead');
  const module = join(folder, 'clock.mjs');
  const set = (ms: number) => writeFileSync(file, String(ms));
  set(aheadMs);
  writeFileSync(
    module,
    `import { readFileSync } from 'node:fs';
     const now = Date.now;
     Date.now = () => now() + Number(readFileSync(${JSON.stringify(file)}, 'utf8'));`,
  );
  return { env: { NODE_OPTIONS: `--import ${pathToFileURL(module).href}` }, set };
}
