// Sums the tests of all runs of scripts/check: `N.json` is a run's report, `N.failed` says that the step failed, and
// `N-again.json` is the second run of the files that failed in it. What failed comes first, in a few lines each: of a long
// output often only the end is kept.
//
//   count-tests.js FOLDER                  sums, and removes the folder
//   count-tests.js --failed-files REPORT   the files that failed, where they are few
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

/** Lines of a failure's message that are shown, and characters of a line. */
const LINES = 8;
const WIDTH = 300;
/** More files than this do not fail by accident. */
const FEW = 5;

/** @typedef {{ file: string, title: string, message: string }} Failure */

/** @param {string} path of a report @returns {{ passed: number, failed: number, files: Set<string>, failures: Failure[] }} */
function read(path) {
  const report = JSON.parse(readFileSync(path, 'utf8'));
  /** @type {Failure[]} */
  const failures = [];
  const files = new Set();
  for (const file of report.testResults) {
    const name = relative('', file.name);
    files.add(name);
    /** @type {{ status: string, fullName: string, failureMessages: string[] }[]} */
    const tests = file.assertionResults.filter(
      (/** @type {{ status: string }} */ test) => test.status === 'failed',
    );
    for (const test of tests)
      failures.push({
        file: name,
        title: `${name} > ${test.fullName}`,
        message: test.failureMessages.join('\n'),
      });
    if (file.status === 'failed' && tests.length === 0)
      failures.push({ file: name, title: name, message: file.message ?? '' });
  }
  return { passed: report.numPassedTests, failed: report.numFailedTests, files, failures };
}

/** @param {string} word @param {Failure} failure */
function show(word, { title, message }) {
  const lines = stripVTControlCharacters(message).split('\n').slice(0, LINES);
  process.stdout.write(`${word} ${title}\n${lines.map((line) => `     ${line.slice(0, WIDTH)}\n`).join('')}`);
}

/** @param {string} folder */
function sum(folder) {
  const names = readdirSync(folder);
  let passed = 0;
  let failed = 0;
  for (const name of names.filter((name) => /^\d+\.json$/.test(name))) {
    const number = name.replace('.json', '');
    const first = read(join(folder, name));
    const path = join(folder, `${number}-again.json`);
    const again = existsSync(path) ? read(path) : undefined;
    // What counts of a file is its last run.
    const isSteady = (/** @type {Failure} */ { file }) => again?.files.has(file) !== true;
    const still = [...first.failures.filter(isSteady), ...(again?.failures ?? [])];
    const isStill = (/** @type {Failure} */ { file, title }) =>
      still.some((failure) => failure.title === title || (failure.file === file && failure.title === file));
    for (const failure of first.failures) if (!isStill(failure)) show('UNSTEADY', failure);
    for (const failure of still) show('FAIL', failure);
    const rest = Math.max(still.length, names.includes(`${number}.failed`) && again === undefined ? 1 : 0);
    passed += first.passed + Math.max(0, first.failed - still.length);
    failed += rest;
  }
  for (const name of names.filter((name) => name.endsWith('.failed')))
    if (!names.includes(name.replace('.failed', '.json'))) failed += 1;
  rmSync(folder, { recursive: true });
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

const [first = '.', report] = process.argv.slice(2);
if (first !== '--failed-files') sum(first);
else if (report !== undefined && existsSync(report)) {
  const files = [...new Set(read(report).failures.map(({ file }) => file))];
  if (files.length <= FEW) process.stdout.write(`${files.join(' ')}\n`);
}
