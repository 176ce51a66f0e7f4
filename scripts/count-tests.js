// Sums the tests of all runs of scripts/check: `N.json` is a run's report, `N.failed` says that the step failed. What
// failed comes first, in a few lines each: of a long output often only the end is kept.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

/** Lines of a failure's message that are shown, and characters of a line. */
const LINES = 8;
const WIDTH = 300;

const folder = process.argv[2] ?? '.';
const names = readdirSync(folder);
let passed = 0;
let failed = 0;
const failedIn = new Map();

/**
 * Names a test, or a file that could not be run, and the beginning of what it says.
 * @param {string} title
 * @param {string} message
 */
function show(title, message) {
  const lines = stripVTControlCharacters(message).split('\n').slice(0, LINES);
  process.stdout.write(`FAIL ${title}\n${lines.map((line) => `     ${line.slice(0, WIDTH)}\n`).join('')}`);
}

for (const name of names.filter((name) => name.endsWith('.json'))) {
  const report = JSON.parse(readFileSync(join(folder, name), 'utf8'));
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  failedIn.set(name.replace('.json', ''), report.numFailedTests);
  for (const file of report.testResults) {
    const path = relative('', file.name);
    /** @type {{ status: string, fullName: string, failureMessages: string[] }[]} */
    const results = file.assertionResults;
    const tests = results.filter((test) => test.status === 'failed');
    for (const test of tests) show(`${path} > ${test.fullName}`, test.failureMessages.join('\n'));
    if (file.status === 'failed' && tests.length === 0) show(path, file.message ?? '');
  }
}
for (const name of names.filter((name) => name.endsWith('.failed'))) {
  if (!failedIn.get(name.replace('.failed', ''))) failed += 1;
}
rmSync(folder, { recursive: true });
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
