// What people read is held to the code: paths and links exist, commands and options are known, tables are complete.
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FAIL_POINTS } from '../../../src/lifecycle/fail-point.ts';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { type Document, documents, namedCommands, namedPaths } from '../../support/pages/documents.ts';
import { filesIn } from '../../support/pages/source-tree.ts';
import { cellsOf, namesOf, rowsUnder } from '../../support/pages/tables.ts';
import { run } from '../../support/processes/run-cli.ts';

const pages = documents();
const page = (path: string): Document => {
  const found = pages.find((one) => one.path === path);
  if (found === undefined) throw new Error(`There is no ${path}.`);
  return found;
};

/** A path as a page may name it: from the root, from the page's folder, or from src. */
const candidates = (from: string, path: string) => [
  path,
  join(dirname(from), path),
  ...(from.startsWith('src/') ? [join('src', path)] : []),
];
/** What runs leave behind is in no checkout. */
const MADE_BY_RUNS = '.tmp/';
const isThere = (from: string, path: string) =>
  path.startsWith(MADE_BY_RUNS) ||
  candidates(from, path).some((candidate) => existsSync(packagePath(normalize(candidate))));

describe('docs', () => {
  test('every file and folder that a page names exists', () => {
    const missing = pages.flatMap(({ path, text }) =>
      namedPaths(text)
        .filter((named) => !isThere(path, named))
        .map((named) => `${path} names ${named}`),
    );
    expect(missing).toEqual([]);
    expect(namedPaths(page('src/README.md').text).length).toBeGreaterThan(50);
  });

  test('every relative link leads to a file, and to a heading where it names one', () => {
    const broken = pages.flatMap(({ path, links }) =>
      links.filter((link) => !leadsSomewhere(path, link)).map((link) => `${path} links to ${link}`),
    );
    expect(broken).toEqual([]);
  });

  test('the map names every room', () => {
    const rooms = readdirSync(packagePath('src'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
    const named = new Set(namedPaths(page('src/README.md').text));
    expect(rooms.filter((room) => !named.has(`${room}/`))).toEqual([]);
  });

  test('the map follows an event in ten steps, each with its files', () => {
    const way = page('src/README.md').text.split('\n## The way of an event\n')[1]?.split('\n## ')[0] ?? '';
    const steps = way.split(/\n(?=\d+\. )/).slice(1);
    expect(steps).toHaveLength(10);
    expect(steps.filter((step) => namedPaths(step).length === 0)).toEqual([]);
  });

  test('the map lists the fail points, and the files that each is in', () => {
    const rows = rowsUnder('src/README.md', 'Fail points').map(cellsOf);
    expect(rows.flatMap(([names = '']) => namesOf(names)).sort()).toEqual([...FAIL_POINTS].sort());
    const sources = filesIn('src', '.ts');
    for (const [names = '', files = '', after = ''] of rows) {
      for (const name of namesOf(names)) {
        const users = sources.filter(({ text }) => text.includes(`failPoint('${name}')`));
        expect(users.map(({ path }) => path.slice('src/'.length)).sort(), name).toEqual(
          namesOf(files).sort(),
        );
      }
      expect(after).not.toBe('');
    }
  });

  test('every function of ours that a page names is in an SQL file', () => {
    const sql = filesIn('sql', '.sql')
      .map(({ text }) => text)
      .join('\n');
    const unknown = pages.flatMap(({ path, text }) =>
      [...text.matchAll(/\b(tributary|pgq_coop|pgq)\.([a-z]\w*)/g)]
        .map(([name]) => name)
        .filter((name) => !isMadeBy(name, sql))
        .map((name) => `${path} names ${name}`),
    );
    expect(unknown).toEqual([]);
  });

  test('every command and option that a page shows is known to the program', async () => {
    const helps = new Map<string, string>();
    const helpOf = async (command: string) => {
      const known = helps.get(command);
      if (known !== undefined) return known;
      const { code, stdout } = await run([...command.split(' '), '--help']);
      const help = code === 0 && stdout.includes(`tributary ${command}`) ? stdout : '';
      helps.set(command, help);
      return help;
    };
    const unknown: string[] = [];
    for (const { path, text } of pages) {
      for (const { command, options } of namedCommands(text)) {
        const help = await helpOf(command);
        if (help === '') unknown.push(`${path}: tributary ${command}`);
        for (const option of options) {
          if (!new RegExp(`(^|[\\s,])${option}(?![\\w-])`, 'm').test(help))
            unknown.push(`${path}: tributary ${command} ${option}`);
        }
      }
    }
    expect(unknown).toEqual([]);
    expect(helps.size).toBeGreaterThan(5);
  });
});

const isMadeBy = (name: string, sql: string): boolean =>
  new RegExp(
    `create (or replace )?(function|table|view|schema|sequence)( if not exists)? ${name.replace('.', '\\.')}\\b`,
  ).test(sql);

function leadsSomewhere(from: string, link: string): boolean {
  const [file = '', heading] = link.split('#');
  const path = file === '' ? from : normalize(join(dirname(from), file));
  if (!existsSync(packagePath(path))) return false;
  const target = pages.find((one) => one.path === path);
  return heading === undefined || target === undefined || target.headings.includes(heading);
}
