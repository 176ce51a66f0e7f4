// Steps that install the bundled engine: PgQ's API in plain SQL, for databases without the extension. Pure.
//
// Order: tables, then functions, then grants, each by file name; all in one transaction under a lock, so that two installs
// at once end with one engine and a crash leaves none. Functions and grants are re-applied whole, which is also the upgrade.
import { literal } from '../../postgres/quote.ts';
import { markOf, type SqlFile, sqlFiles } from '../../postgres/sql-files.ts';
import { ENGINE_MARK } from '../../queue/provider.ts';
import type { DatabaseFacts } from '../facts/database.ts';
import { markSql } from '../facts/engine-state.ts';
import { fileStep, locked, renderSteps, type Step } from './steps.ts';

let mark: string | undefined;

/** The engine's files in the order in which they are applied; an upgrade leaves the tables alone. */
function engineFiles({ isUpgrade }: { readonly isUpgrade: boolean }): readonly SqlFile[] {
  const parts = isUpgrade ? ['functions', 'grants'] : ['tables', 'functions', 'grants'];
  return parts.flatMap((part) => sqlFiles(`sql/pgq/${part}`));
}

const extFiles = (): readonly SqlFile[] => sqlFiles('sql/pgq_ext');

/** The schema `pgq_ext`, where upstream's consumers note what they have handled. Another one's is left alone; the engine does not need it. */
function extStep(): Step {
  const text = extFiles().map((file) => file.text);
  return {
    what: 'install or upgrade pgq_ext, unless there is another one',
    files: extFiles(),
    isRoutine: true,
    sql: `do $ext$
begin
    if coalesce(obj_description(to_regnamespace('pgq_ext'), 'pg_namespace') like '%bundled with Tributary.', to_regnamespace('pgq_ext') is null) then
        execute ${literal(text.join('\n'))};
    end if;
exception when insufficient_privilege then
    raise notice 'schema pgq_ext was not installed: %', sqlerrm;
end
$ext$`,
  };
}

/** The answer of `pgq.version()` once this package's engine is in. */
export function engineVersion(): string | undefined {
  const text = engineFiles({ isUpgrade: true }).find(({ path }) => path.endsWith('/version.sql'))?.text;
  return new RegExp(`'([^']*${ENGINE_MARK}[^']*)'`).exec(text ?? '')?.[1];
}

/** The mark on `pgq.version()` once the functions of this package are in. */
export function engineMark(): string {
  mark ??= markOf([...engineFiles({ isUpgrade: true }), ...extFiles()]);
  return mark;
}

/**
 * Steps that install or upgrade the engine.
 * @param offered version of the extension `pgq` that the server could create instead.
 */
export function engineSteps({
  isUpgrade,
  offered,
}: {
  readonly isUpgrade: boolean;
  readonly offered?: string | undefined;
}): Step[] {
  const instead =
    isUpgrade || offered === undefined
      ? ''
      : ` (or run \`create extension pgq\` first: the server offers version ${offered})`;
  return [
    fileStep(`${isUpgrade ? 'upgrade' : 'install'} the bundled engine${instead}`, engineFiles({ isUpgrade })),
    extStep(),
    {
      what: 'mark what was installed',
      sql: markSql(engineMark()),
      isRoutine: true,
    },
  ];
}

/** The script that `installEngine` would run in an empty database. */
export const engineScript = (options: { readonly whole: boolean }): string =>
  renderSteps(locked(engineSteps({ isUpgrade: false })), options);

/** Why the current role cannot install or upgrade the engine, with the SQL that would let it; undefined: it can. */
export function engineHindrance({ server, pgq }: DatabaseFacts, place: string): string | undefined {
  if (server.isSuperuser) return undefined;
  if (pgq.hasPgq && !pgq.ownsSchema) {
    return `${place}: the bundled engine there belongs to another role than ${server.role}: run install with that role as \`admin:\`.`;
  }
  if (!pgq.hasPgq && !server.mayCreateSchema) {
    return `${place} has no schema pgq and role ${server.role} may not create it: an administrator runs \`grant create on database "${server.database}" to "${server.role}"\`, or give install an \`admin:\` role.`;
  }
  return undefined;
}
