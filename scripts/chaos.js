// `npm run test:chaos -- --suite forward --rounds 20 --seed 7`: random kills, which are the same for the same seed.
import { randomInt } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runTests } from './vitest.js';

const SUITES = ['forward', 'workers', 'lanes', 'hosts', 'fleet', 'fleet-cycles', 'apply'];
const SEED_LIMIT = 2 ** 31;

/** @param {string} sentence @returns {never} */
function refuse(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(2);
}

function readArguments() {
  try {
    return parseArgs({
      options: { suite: { type: 'string' }, rounds: { type: 'string' }, seed: { type: 'string' } },
    }).values;
  } catch (error) {
    return refuse(
      `${error instanceof Error ? error.message.split('. ')[0] : error}. Known: --suite, --rounds, --seed.`,
    );
  }
}

/** @param {string} name @param {string} text @param {{ from: number, below: number }} range */
function wholeNumber(name, text, { from, below }) {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= from && value < below) return value;
  return refuse(`--${name} ${text} is not a whole number from ${from} to ${below - 1}.`);
}

const { suite, rounds = '1', seed = String(randomInt(SEED_LIMIT)) } = readArguments();
if (suite === undefined || !SUITES.includes(suite)) {
  refuse(
    `${suite === undefined ? 'No suite is named' : `There is no suite ${suite}`}: say --suite ${SUITES.join(', ')}.`,
  );
}
const files = existsSync('test/chaos')
  ? readdirSync('test/chaos').filter((name) => name.startsWith(suite) && name.endsWith('.test.ts'))
  : [];
if (files.length === 0) refuse(`The suite ${suite} has no file test/chaos/${suite}*.test.ts.`);

process.env.TRIBUTARY_CHAOS_ROUNDS = String(wholeNumber('rounds', rounds, { from: 1, below: 1_000_000 }));
process.env.TRIBUTARY_CHAOS_SEED = String(wholeNumber('seed', seed, { from: 0, below: SEED_LIMIT }));
const again = `npm run test:chaos -- --suite ${suite} --rounds ${rounds} --seed ${seed}`;
process.stdout.write(`Chaos: the same again with \`${again}\`.\n`);
await runTests(
  ['chaos'],
  files.map((name) => `test/chaos/${name}`),
);
