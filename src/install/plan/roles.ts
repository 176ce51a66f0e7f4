// Which rights the runtime role (the file's `user`) needs of PgQ, and how the role that installs can give them. Pure.
import { identifier } from '../../postgres/quote.ts';
import type { DatabaseFacts } from '../facts/database.ts';
import type { Step } from './steps.ts';

/**
 * Why the current role may not administer PgQ here, with the SQL that would let it; undefined: it may.
 * @param willInstall the engine is installed by this run, by this role.
 */
export function installHindrance(
  { server, pgq }: DatabaseFacts,
  place: string,
  { willInstall }: { readonly willInstall: boolean },
): string | undefined {
  if (server.isSuperuser || server.isPgqAdmin || pgq.ownsSchema || willInstall) return undefined;
  return `${place}: role ${server.role} may not administer PgQ: an administrator runs \`grant ${pgq.adminRole} to ${identifier(server.role)}\`, or give install an \`admin:\` role.`;
}

export type RolePlan = { readonly steps: readonly Step[] } | { readonly mistake: string };

/** Plans how the runtime role comes to administer PgQ, if it does not yet. */
export function planRuntimeRole(
  { server, pgq, runtime }: DatabaseFacts,
  place: string,
  { willInstall }: { readonly willInstall: boolean },
): RolePlan {
  const name = identifier(runtime.name);
  if (!runtime.exists) {
    return {
      mistake: `${place} has no role ${runtime.name}, which the file names as user: an administrator runs \`create role ${name} login password '…'\`, or correct the file.`,
    };
  }
  if (!runtime.mayConnect) {
    return {
      mistake: `${place}: role ${runtime.name} may not connect: an administrator runs \`grant connect on database ${identifier(server.database)} to ${name}\`.`,
    };
  }
  const stats = statsSteps(runtime);
  const isOwner = runtime.name === server.role && (pgq.ownsSchema || willInstall);
  if (runtime.isPgqAdmin || isOwner || (runtime.name === server.role && server.isSuperuser))
    return { steps: stats };
  const sql = `grant ${pgq.adminRole} to ${name}`;
  if (runtime.hasPgqAdminRole && !runtime.mayBeGranted) {
    return {
      mistake: `${place}: role ${runtime.name} may not administer PgQ, and role ${server.role} may not let it: an administrator runs \`${sql}\`.`,
    };
  }
  if (!runtime.hasPgqAdminRole && !(willInstall && server.mayCreateRole) && !server.isSuperuser) {
    return {
      mistake: `${place} has no role ${pgq.adminRole}, and role ${server.role} may not create it: an administrator runs \`create role ${pgq.adminRole}; ${sql}\`, or give install an \`admin:\` role that may create roles.`,
    };
  }
  return { steps: [{ what: `let role ${runtime.name} administer PgQ`, sql }, ...stats] };
}

/** Not necessary: without it `doctor` sees that a transaction is long, and not whose it is. */
function statsSteps({ name, maySeeStats, statsMayBeGranted }: DatabaseFacts['runtime']): Step[] {
  if (maySeeStats || !statsMayBeGranted) return [];
  return [
    {
      what: `let role ${name} see the activity of others (pg_read_all_stats)`,
      sql: `grant pg_read_all_stats to ${identifier(name)}`,
    },
  ];
}

/** Lets PgQ's role for looking at queues look at our schema as well. The role is missing where no role was allowed to create it. */
export const readersStep: Step = {
  what: 'let pgq_reader look at schema tributary',
  sql: `do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant usage on schema tributary to pgq_reader;
        grant select on all tables in schema tributary to pgq_reader;
    end if;
end
$$`,
  isRoutine: true,
};
