// The headers of our SQL functions: there, complete, and true about who calls.
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { filesIn } from '../../support/pages/source-tree.ts';

const FOLDERS = ['sql/pgq/functions', 'sql/pgq_coop', 'sql/pgq_ext', 'sql/tributary/functions'];
const RULE = `-- ${'-'.repeat(70)}`;
const PARTS = ['Function:', 'Writes:', 'Called by:'];

const files = FOLDERS.filter((folder) => existsSync(packagePath(folder)))
  .flatMap((folder) => filesIn(folder, '.sql'))
  .filter(({ text }) => functionsIn(text).length > 0);
const known = new Set(filesIn('sql', '.sql').flatMap(({ text }) => functionsIn(text)));

describe('sql headers', () => {
  test('there are files to check', () => {
    expect(files.length).toBeGreaterThan(50);
  });

  test.each(files.map(({ path, text }) => [path, text]))(
    '%s begins with a header that is complete and true',
    (_path, text) => {
      const headers = headersIn(text);
      expect(codeBeforeHeader(text)).toEqual([]);
      for (const header of headers) {
        expect(PARTS.filter((part) => !header.includes(`-- ${part}`))).toEqual([]);
        const callers = partOf(header, 'Called by:');
        expect(
          namesIn(callers, /\bsrc\/[\w./-]*\w/g).filter((path) => !existsSync(packagePath(path))),
        ).toEqual([]);
        expect(
          namesIn(callers, /\b(?:pgq|pgq_coop|pgq_ext|tributary)\.\w+/g).filter((name) => !known.has(name)),
        ).toEqual([]);
      }
      const described = headers.flatMap((header) => namesIn(header, /(?<=Function: )[\w.]+/g));
      expect(functionsIn(text).filter((name) => !described.includes(name))).toEqual([]);
    },
  );
});

/** What stands between two rules and begins with `Function:`. */
function headersIn(text: string): string[] {
  return text.split(`${RULE}\n`).filter((part) => part.startsWith('-- Function: '));
}

/** A comment about the whole file may come first, nothing else. */
function codeBeforeHeader(text: string): string[] {
  const before = text.split(`${RULE}\n-- Function: `)[0] ?? '';
  return before.split('\n').filter((line) => line !== '' && !line.startsWith('--'));
}

/** The lines under a heading, up to the next heading. */
function partOf(header: string, heading: string): string {
  const after = header.slice(header.indexOf(`-- ${heading}`) + heading.length + 3);
  return after.split(/^-- \S/m)[0] ?? '';
}

const namesIn = (text: string, pattern: RegExp): string[] => text.match(pattern) ?? [];

function functionsIn(text: string): string[] {
  return [...text.matchAll(/^create (?:or replace )?function ([\w.]+)\s*\(/gm)].map(
    ([, name]) => name as string,
  );
}
