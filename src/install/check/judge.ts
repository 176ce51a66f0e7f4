// Judges from facts what is wrong with a database; the findings that shards and central share. Pure.
import { nearest } from '../../config/nearest.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { identifier } from '../../postgres/quote.ts';
import type { Provider } from '../../queue/provider.ts';
import type { DatabaseFacts } from '../facts/database.ts';
import type { QueueFact } from '../facts/queues.ts';
import { findProvider, findUnfit } from '../plan/provider.ts';

export interface DatabasePlace {
  /** How the database is named in sentences. */
  readonly place: string;
  readonly schema: 'pgq' | 'pgque';
}

export interface Findings {
  readonly provider: Provider | undefined;
  readonly version: string | undefined;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/** Server, provider, isolation, clock, sequences. */
export function judgeServer(facts: DatabaseFacts, { place, schema }: DatabasePlace): Findings {
  const { server, pgq } = facts;
  const finding = findProvider(facts, schema, place);
  const unfit = findUnfit(facts, place);
  const problems: string[] = [];
  if (unfit !== undefined) problems.push(unfit);
  if ('mistake' in finding) problems.push(finding.mistake);
  else if (finding.provider === undefined)
    problems.push(
      server.mayCreateSchema
        ? `${place} has no schema pgq: run \`tributary install\`.`
        : `${place} has no schema pgq, and role ${server.role} may not make one: run \`tributary install\` with an \`admin:\` role that may.`,
    );
  if (pgq.sequencesBehind.length > 0) {
    problems.push(
      `${place}: ${pgq.sequencesBehind.map((name) => `${schema}.${name}`).join(', ')} stand behind their tables, as after a restore, and new queues or consumers would take numbers in use: run \`tributary install\`.`,
    );
  }
  const warnings: string[] = [];
  if (server.isolation !== 'read committed') {
    warnings.push(
      `${place}: the default isolation is ${server.isolation}, in which producers can lose events to a rotation: set default_transaction_isolation to read committed.`,
    );
  }
  if (Math.abs(server.clockAheadMs) > TIMING.install.clockSkewMs) {
    warnings.push(
      `${place}: its clock is ${Math.round(Math.abs(server.clockAheadMs) / 1000)} s ${server.clockAheadMs > 0 ? 'ahead of' : 'behind'} this machine's: synchronise them.`,
    );
  }
  return {
    provider: 'mistake' in finding ? undefined : finding.provider,
    version: 'mistake' in finding ? undefined : finding.version,
    problems,
    warnings,
  };
}

/** Queues that are wanted and absent, with the nearest names. */
export function judgeMissing(
  missing: readonly string[],
  facts: DatabaseFacts,
  { place }: Pick<DatabasePlace, 'place'>,
): string[] {
  return missing.map((queue) => {
    const close = nearest(queue, facts.queues.all);
    return `${place} has no queue ${queue}${close === undefined ? '' : ` (the nearest is ${close})`}: correct the name, or run \`tributary install\`, which creates it where the file says \`create: true\`.`;
  });
}

/** Whether the role only monitors: then it needs no rights of movers and workers. */
export const onlyLooks = ({ isPgqReader, isPgqAdmin, isSuperuser }: DatabaseFacts['server']): boolean =>
  isPgqReader && !isPgqAdmin && !isSuperuser;

/** The lacking rights that this role needs. */
export const neededBy = (server: DatabaseFacts['server'], lacking: readonly string[]): readonly string[] =>
  onlyLooks(server) ? lacking.filter((what) => /^(select on|usage on schema) /.test(what)) : lacking;

export function judgePrivileges(
  missing: readonly string[],
  { server, pgq }: DatabaseFacts,
  { place }: Pick<DatabasePlace, 'place'>,
): string[] {
  if (missing.length === 0) return [];
  if (onlyLooks(server)) {
    return [
      `${place}: role ${server.role} lacks ${missing.join(', ')}: run \`tributary install\` with the role that installs, which lets ${pgq.readerRole} look.`,
    ];
  }
  const more = missing.length > 3 ? ` and ${missing.length - 3} more` : '';
  return [
    `${place}: role ${server.role} lacks ${missing.slice(0, 3).join(', ')}${more}: run \`tributary install\` with an \`admin:\` role, or \`grant ${pgq.adminRole} to ${identifier(server.role)}\`.`,
  ];
}

/** Queues that an external ticker ticks, or whose ticks are paused. */
export function judgeTicking(
  queues: readonly QueueFact[],
  { place, schema, weTick }: DatabasePlace & { readonly weTick: boolean },
): { readonly problems: string[]; readonly warnings: string[] } {
  const problems: string[] = [];
  const warnings: string[] = [];
  for (const queue of queues) {
    const { name, isExternal, isPaused, newestTickAgeSeconds: age } = queue;
    if (isPaused) {
      problems.push(
        `${place}: the ticker of queue ${name} is paused, so nothing moves: \`select ${schema}.set_queue_config('${name}', 'ticker_paused', 'false')\`.`,
      );
    } else if (isExternal) {
      warnings.push(`${place}: queue ${name} has an external ticker: its ticks are left to it.`);
    } else if (!weTick && (age === undefined || age > 300)) {
      problems.push(
        `${place}: queue ${name} has had no tick ${age === undefined ? 'at all' : `for ${Math.round(age)} s`}, and \`ticker: never\` leaves ticking to others: start their ticker, or say \`ticker: auto\`.`,
      );
    }
  }
  return { problems, warnings };
}
