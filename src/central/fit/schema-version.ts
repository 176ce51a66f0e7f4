// Whether this program and the schema of central fit: an older program works beside a newer schema where it finds all that it
// calls, a newer one waits until central was installed anew.
//
// Invariant: nothing is begun on a schema that lacks what this program calls.
import { TributaryError } from '../../errors/tributary-error.ts';
import { migrations, sqlFiles } from '../../postgres/sql-files.ts';

/** The newest migration of this package. */
export const schemaVersion = (): number => Math.max(0, ...migrations().map(({ version }) => version));

/** The names of this package's functions. */
function ownFunctions(): string[] {
  return sqlFiles('sql/tributary/functions').flatMap(({ text }) =>
    [...text.matchAll(/^create or replace function tributary\.(\w+)/gm)].map(([, name = '']) => name),
  );
}

interface SchemaRow {
  readonly version: number;
  readonly functions: readonly string[];
}

/**
 * @throws retryable where central was installed by an older package: it is waited for; misconfigured where it was installed by
 * a newer one that lacks something which this program calls.
 */
export async function assertSchema(link: { query: <R>(text: string) => Promise<R[]> }): Promise<void> {
  const [row] = await link.query<SchemaRow>(
    `select coalesce((select max(version) from tributary.migration), 0) as version,
       array(select proname from pg_proc where pronamespace = 'tributary'::regnamespace)::text[] as functions`,
  );
  if (row !== undefined) judgeSchema(row, { version: schemaVersion(), functions: ownFunctions() });
}

/** Pure. @throws as assertSchema. */
export function judgeSchema(central: SchemaRow, own: SchemaRow): void {
  const has = new Set(central.functions);
  const lacks = own.functions.some((name) => !has.has(name));
  if (central.version < own.version || (central.version === own.version && lacks))
    throw new TributaryError(
      `Central was installed by an older package (schema version ${central.version}, and this one has ${own.version}).`,
      {
        code: 'outdated-install',
        kind: 'retryable',
        remedy: 'Run `tributary install` with this package: it is waited for.',
      },
    );
  if (!lacks) return;
  throw new TributaryError(
    `Central was installed by a newer package (schema version ${central.version}, and this one has ${own.version}), and this program cannot work with it.`,
    { code: 'older-program', kind: 'misconfigured', remedy: 'Upgrade this package.' },
  );
}
