// `npm run test:matrix`: the tests on every PostgreSQL and every Node that the README names, one after another.
//
//   -- --postgres 14 --node 22   on these alone; both can be given several times
//   -- --turn                    on one of those that `npm test` leaves out; which one depends on the commit
//   -- FILE…                     these test files alone
//
// The package brings one PostgreSQL; the other versions, and Node, are the packages of test/matrix.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';

const FOLDER = 'test/matrix';
/** @type {string[]} */
const PACKAGES = Object.keys(readJson(join(FOLDER, 'package.json')).dependencies);
const CELLS = [...PACKAGES, 'postgres-18'].sort();
const PROJECTS = { postgres: ['contract', 'postgres'], node: ['unit', 'contract'] };
/** What CI runs in addition to all other steps. */
const PROJECTS_IN_TURN = { postgres: ['contract'], node: ['unit', 'contract'] };

/** @param {string} sentence @returns {never} */
function refuse(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(2);
}

/** @param {string} path */
function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      options: {
        postgres: { type: 'string', multiple: true },
        node: { type: 'string', multiple: true },
        turn: { type: 'boolean' },
      },
      allowPositionals: true,
    });
    return { ...values, files: positionals };
  } catch (error) {
    return refuse(
      `${error instanceof Error ? error.message.split('. ')[0] : error}. Known: --postgres, --node, --turn.`,
    );
  }
}

/** @param {{ postgres?: string[], node?: string[], turn?: boolean }} wanted @returns {string[]} */
function choose({ postgres = [], node = [], turn = false }) {
  if (turn) return [oneInTurn()];
  const named = [...postgres.map((major) => `postgres-${major}`), ...node.map((major) => `node-${major}`)];
  const unknown = named.find((name) => !CELLS.includes(name));
  if (unknown !== undefined) refuse(`There is no ${unknown} in the matrix: it has ${CELLS.join(', ')}.`);
  return named.length === 0 ? CELLS : CELLS.filter((cell) => named.includes(cell));
}

function oneInTurn() {
  const others = PACKAGES.filter((name) => name !== `node-${process.versions.node.split('.')[0]}`);
  const commit = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
  const number = createHash('sha256').update(commit).digest().readUInt32BE(0);
  return /** @type {string} */ (others[number % others.length]);
}

/** Downloads the packages of test/matrix, all at once, where one that is wanted is missing. @param {readonly string[]} cells */
function fetchPackages(cells) {
  const locked = readJson(join(FOLDER, 'package-lock.json')).packages;
  const isThere = cells
    .filter((name) => PACKAGES.includes(name))
    .every((name) => {
      const found = join(FOLDER, 'node_modules', name, 'package.json');
      return existsSync(found) && readJson(found).version === locked[`node_modules/${name}`].version;
    });
  if (isThere) return;
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: FOLDER,
    stdio: 'inherit',
  });
}

/** @param {string} cell @param {readonly string[]} files @returns {Promise<boolean>} */
function run(cell, files) {
  const [kind, major] = /** @type {['postgres' | 'node', string]} */ (cell.split('-'));
  const node =
    kind === 'node' ? join(process.cwd(), FOLDER, 'node_modules', cell, 'bin', 'node') : process.execPath;
  const projects = (wanted.turn ? PROJECTS_IN_TURN : PROJECTS)[kind];
  process.stdout.write(`=== ${cell}: ${projects.join(' and ')}\n`);
  const child = spawn(
    node,
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      ...projects.flatMap((project) => ['--project', project]),
      ...files,
    ],
    {
      stdio: 'inherit',
      env: {
        ...process.env,
        PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}`,
        ...(kind === 'postgres' ? { TRIBUTARY_TEST_POSTGRES: major } : {}),
      },
    },
  );
  const pass = (/** @type {NodeJS.Signals} */ signal) => child.kill(signal);
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.on(signal, pass);
  return new Promise((resolve) => {
    child.once('close', (code) => {
      for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.off(signal, pass);
      // A signal that ends one run is meant for all of them.
      if (code === null) process.exit(1);
      resolve(code === 0);
    });
  });
}

const { files, ...wanted } = readArguments();
if (process.platform !== 'linux' || process.arch !== 'x64') {
  refuse(
    `The matrix is made of programs for Linux on x64, and this is ${process.platform} on ${process.arch}.`,
  );
}
const cells = choose(wanted);
fetchPackages(cells);
/** @type {string[]} */
const failed = [];
for (const cell of cells) if (!(await run(cell, files))) failed.push(cell);
const good = cells.filter((cell) => !failed.includes(cell));
process.stdout.write(
  `Matrix: good on ${good.join(', ') || 'none'}${failed.length > 0 ? `; FAILED on ${failed.join(', ')}` : ''}.\n`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
