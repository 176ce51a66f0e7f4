// Keeps the central schema of today for the tests of upgrades: test/support/schemas/central-NNNN.sql, as `install` makes it, without
// comments. To be run once for a release, and never again for the same one: what is kept is what users have.
import { existsSync, writeFileSync } from 'node:fs';
import { migrations, sqlFiles } from '../dist/postgres/sql-files.js';

/** @param {string} text lines that are no comment, and no others */
const withoutComments = (text) =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.trimStart().startsWith('--'))
    .join('\n');

const all = migrations();
const newest = all.at(-1)?.version ?? 0;
const path = `test/support/schemas/central-${String(newest).padStart(4, '0')}.sql`;
if (existsSync(path)) {
  process.stderr.write(`${path} is there already: schema version ${newest} is kept.\n`);
  process.exit(1);
}
const parts = [
  'create schema tributary;',
  'create table tributary.migration (version integer primary key, name text not null, applied_at timestamptz not null default now());',
  ...all.flatMap(({ version, name, text }) => [
    withoutComments(text),
    `insert into tributary.migration (version, name) values (${version}, '${name}');`,
  ]),
  ...[...sqlFiles('sql/tributary/functions'), ...sqlFiles('sql/pgq_coop')].map(({ text }) =>
    withoutComments(text),
  ),
  `comment on schema tributary is 'tributary files of schema version ${newest}';`,
];
writeFileSync(path, `${parts.join('\n')}\n`);
process.stdout.write(
  `${path}\nNow add test/support/schemas/rows-${String(newest).padStart(4, '0')}.sql: rows of each table.\n`,
);
