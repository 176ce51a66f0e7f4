// Steps of install: SQL with a description, run together in one transaction or shown.
import { TIMING } from '../../lifecycle/timing.ts';
import type { Connection, Row } from '../../postgres/connection.ts';
import type { SqlFile } from '../../postgres/sql-files.ts';

export interface Step {
  /** For people, e.g. `create queue orders`. */
  readonly what: string;
  /** Statements without a closing semicolon. */
  readonly sql: string;
  /** The package's files that the statements come from: shown by name unless `whole`. */
  readonly files?: readonly SqlFile[];
  /** Made on every run, and not reported as a change. */
  readonly isRoutine?: boolean;
}

/** Applying the engine on a slow machine takes seconds; waiting for a lock ends with an error. */
const SETTINGS = `set local lock_timeout = '30s'; set local statement_timeout = '120s'; set local check_function_bodies = off`;

/**
 * Two installs at once in one database take turns: by a lock on a table, which needs a right, or any role could hold them up.
 * Where none of these tables is there yet, the second one waits for the name of the schema, fails and tries again.
 */
const LOCK: Step = {
  what: 'wait for another install',
  sql: `do $$
declare v_table text;
begin
    foreach v_table in array array['tributary.identity', 'pgq.event_template', 'pgque.event_template'] loop
        if to_regclass(v_table) is not null then
            execute 'lock table only ' || v_table || ' in share update exclusive mode';
        end if;
    end loop;
exception when insufficient_privilege then
    null; -- What follows says what may not be done.
end
$$`,
  isRoutine: true,
};

/** The steps with the lock before them; no steps need no lock. */
export const locked = (steps: readonly Step[]): Step[] => (steps.length === 0 ? [] : [LOCK, ...steps]);

/** Steps from files: their texts one after another. */
export function fileStep(what: string, files: readonly SqlFile[], { isRoutine = false } = {}): Step {
  return { what, files, isRoutine, sql: files.map((file) => file.text.trimEnd()).join('\n') };
}

/**
 * All steps in one transaction and one message.
 * @returns the rows of the last statement.
 */
export async function runSteps(connection: Connection, steps: readonly Step[]): Promise<Row[]> {
  const head = `begin isolation level read committed;\n${SETTINGS};\n`;
  const body = steps.map(({ sql }) => closed(sql)).join('\n');
  try {
    const results = await connection.script(`${head}${body}\ncommit`, { timeoutMs: TIMING.install.stepMs });
    return results.at(-2) ?? [];
  } catch (error) {
    nameStep(error, steps, head.length);
    // A failed message leaves the transaction open and aborted.
    await connection.query('rollback').catch(() => {});
    throw error;
  }
}

export interface RenderOptions {
  /** Also prints the texts of the package's files. */
  readonly whole?: boolean;
  /** Sets of files that were listed already, by their step's description; they are listed once. */
  readonly listed?: Set<string>;
}

/** The same transaction as text. */
export function renderSteps(
  steps: readonly Step[],
  { whole = false, listed = new Set() }: RenderOptions = {},
): string {
  if (steps.length === 0) return '-- nothing to do';
  const parts = steps.map((step) => render(step, { whole, listed }));
  return ['begin isolation level read committed;', ...parts, 'commit;'].join('\n');
}

/** Where the server gives the position of an error, adds the step or the file that it lies in. */
function nameStep(error: unknown, steps: readonly Step[], headLength: number): void {
  if (!(error instanceof Error) || !('position' in error)) return;
  let left = Number(error.position) - headLength;
  for (const { what, sql, files = [] } of steps) {
    if (left > closed(sql).length) {
      left -= closed(sql).length + 1;
      continue;
    }
    const file = files.find(({ text }) => {
      if (left <= text.trimEnd().length + 1) return true;
      left -= text.trimEnd().length + 1;
      return false;
    });
    error.message = `${file?.path ?? what}: ${error.message}`;
    return;
  }
}

function render({ what, sql, files }: Step, { whole, listed }: Required<RenderOptions>): string {
  if (files === undefined || whole) return `-- ${what}\n${closed(sql)}`;
  if (listed.has(what)) return `-- ${what}: the same ${files.length} files as above`;
  listed.add(what);
  return [`-- ${what}:`, ...files.map(({ path, text }) => `--   ${path} (${lineCount(text)} lines)`)].join(
    '\n',
  );
}

const lineCount = (text: string): number => text.trimEnd().split('\n').length;

// A semicolon behind a comment at the end of a text would belong to the comment.
function closed(sql: string): string {
  if (/;\s*$/.test(sql)) return sql;
  return sql.slice(sql.lastIndexOf('\n') + 1).includes('--') ? `${sql}\n;` : `${sql};`;
}
