// Sums the tests of all runs of scripts/check: `N.json` is a run's report, `N.failed` says that the step failed.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2] ?? '.';
const names = readdirSync(folder);
let passed = 0;
let failed = 0;
const failedIn = new Map();
for (const name of names.filter((name) => name.endsWith('.json'))) {
  const report = JSON.parse(readFileSync(join(folder, name), 'utf8'));
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  failedIn.set(name.replace('.json', ''), report.numFailedTests);
}
for (const name of names.filter((name) => name.endsWith('.failed'))) {
  if (!failedIn.get(name.replace('.failed', ''))) failed += 1;
}
rmSync(folder, { recursive: true });
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
