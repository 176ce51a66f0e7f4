// SQL that lives in .sql files of the package, with its comments taken off and its placeholders filled.
import { readFileSync } from 'node:fs';
import { packagePath } from '../lifecycle/package-root.ts';

/** The text of `sql/<path>` without whole-line comments and blank lines. */
export function sqlFile(...path: string[]): string {
  return readFileSync(packagePath('sql', ...path), 'utf8')
    .split('\n')
    .filter((line) => !/^\s*(--|$)/.test(line))
    .join('\n')
    .replace(/;\s*$/, '');
}

/** Replaces `:name` by the given SQL text everywhere; names are whole words, casts (`::`) stay. */
export function fill(sql: string, values: Readonly<Record<string, string>>): string {
  return sql.replace(/(?<!:):([a-z_]+)/g, (whole, name: string) => values[name] ?? whole);
}
