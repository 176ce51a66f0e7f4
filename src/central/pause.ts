// Pauses and resumes sources, and finds those that an operator means.

import type { Config } from '../config/config.ts';
import { storedQueues } from '../config/feeds.ts';
import { nearest } from '../config/nearest.ts';
import { TributaryError } from '../errors/tributary-error.ts';
import { counted } from '../errors/words.ts';
import type { CentralLink } from './central-link.ts';
import { readIdentity } from './identity.ts';
import { type Note, noted, type Operator } from './logbook/note.ts';

type Central = Pick<CentralLink, 'use' | 'query'>;

/** Which sources; empty: all. */
export interface Selection {
  readonly shard?: string | undefined;
  /** A source queue, or a central queue for all that feed it. */
  readonly queue?: string | undefined;
}

export interface PausableSource {
  readonly id: number;
  readonly shard: string;
  readonly queue: string;
  readonly centralQueue: string;
  /** All central queues that it feeds, where there are several. */
  readonly routes?: readonly string[];
  readonly isPaused: boolean;
  /** Why it is halted; undefined: it is not. */
  readonly haltReason: string | undefined;
}

export interface PauseResult {
  readonly meant: readonly PausableSource[];
  /** Sources whose state has changed. */
  readonly changed: readonly PausableSource[];
}

/** @throws misconfigured where a name is not known. */
export async function pauseSources(
  link: Central,
  {
    config,
    selection,
    reason,
    operator,
  }: { config: Config; selection: Selection; reason: string | undefined; operator: Operator },
): Promise<PauseResult> {
  const meant = await select(link, config, selection);
  return await change(link, meant, {
    sql: 'select tributary.pause_sources($1, $2, $3) as id',
    values: [reason ?? null, operator.who],
    operator,
    note: (changed) => ({
      kind: 'pause',
      what: `paused ${whichSources(changed)}${reason === undefined ? '' : `: ${reason}`}.`,
    }),
  });
}

/** Halted sources stay as they are. @throws misconfigured where a name is not known. */
export async function resumeSources(
  link: Central,
  { config, selection, operator }: { config: Config; selection: Selection; operator: Operator },
): Promise<PauseResult> {
  const meant = await select(link, config, selection);
  return await change(link, meant, {
    sql: 'select tributary.resume_sources($1) as id',
    values: [],
    operator,
    note: (changed) => ({ kind: 'resume', what: `resumed ${whichSources(changed)}.` }),
  });
}

interface Change {
  readonly sql: string;
  readonly values: readonly unknown[];
  readonly operator: Operator;
  note(changed: readonly PausableSource[]): Note;
}

async function change(
  link: Central,
  meant: readonly PausableSource[],
  { sql, values, operator, note }: Change,
): Promise<PauseResult> {
  return await noted(link, operator, async (central) => {
    const rows = await central.query<{ id: number }>(sql, [meant.map(({ id }) => id), ...values]);
    const ids = new Set(rows.map(({ id }) => id));
    const changed = meant.filter(({ id }) => ids.has(id));
    const queues = [...new Set(changed.flatMap(storedQueues))];
    return {
      result: { meant, changed },
      note: changed.length === 0 ? undefined : { ...note(changed), queues },
    };
  });
}

/** Central queues besides the one that was named which sources with routes feed: a source stands still as a whole. */
export function alsoFed(sources: readonly PausableSource[], named: string | undefined): string[] {
  if (named === undefined || sources.every(({ queue }) => queue === named)) return [];
  return [...new Set(sources.flatMap(storedQueues))].filter((queue) => queue !== named);
}

/** `source s1:orders`, `12 sources` with the shard or the queue that they have in common. */
function whichSources(sources: readonly PausableSource[]): string {
  const [first] = sources;
  if (sources.length === 1) return `source ${first?.shard}:${first?.queue}`;
  const of = [
    sources.every(({ shard }) => shard === first?.shard) ? `shard ${first?.shard}` : '',
    sources.every(({ centralQueue }) => centralQueue === first?.centralQueue) ? first?.centralQueue : '',
  ].filter((name) => name !== '');
  return `${counted(sources.length, 'source')}${of.length === 0 ? '' : ` of ${of.join(' and ')}`}`;
}

async function select(link: Central, config: Config, selection: Selection): Promise<PausableSource[]> {
  await readIdentity(link, config.name);
  const rows = await link.query<{
    id: number;
    shard: string;
    queue: string;
    central_queue: string;
    routes: string[] | null;
    is_paused: boolean;
    halt_reason: string | null;
  }>(
    `select id, shard, queue, central_queue, routes, paused_at is not null as is_paused,
         case when state = 'halted' then coalesce(halt_reason, 'It is halted.') end as halt_reason
       from tributary.source where state <> 'retired' order by shard, queue`,
  );
  const sources = rows.map((row) => ({
    id: row.id,
    shard: row.shard,
    queue: row.queue,
    centralQueue: row.central_queue,
    ...(row.routes === null ? {} : { routes: row.routes }),
    isPaused: row.is_paused,
    haltReason: row.halt_reason ?? undefined,
  }));
  return choose(sources, { config, selection });
}

/**
 * Pure. On one shard a queue's name means the source queue of that name before the central queue; over all shards it is the
 * other way round, so that `--queue orders` reaches all that flows into orders.
 * @throws misconfigured where a name is not known, or nothing of that name is installed.
 */
export function choose(
  sources: readonly PausableSource[],
  { config, selection: { shard, queue } }: { readonly config: Config; readonly selection: Selection },
): PausableSource[] {
  if (shard !== undefined) {
    const shards = new Set([...config.shards.map(({ name }) => name), ...sources.map((one) => one.shard)]);
    requireKnown('Shard', shard, { known: shards, file: config.file });
  }
  if (queue !== undefined) {
    const queues = new Set([
      ...config.queues.flatMap(({ name, from }) => [name, ...from]),
      ...sources.flatMap((one) => [one.queue, ...storedQueues(one)]),
    ]);
    requireKnown('Queue', queue, { known: queues, file: config.file });
  }
  const there = sources.filter((one) => shard === undefined || one.shard === shard);
  const own = there.filter((one) => queue === undefined || one.queue === queue);
  const feeding = there.filter((one) => queue !== undefined && storedQueues(one).includes(queue));
  const [first, second] = shard === undefined ? [feeding, own] : [own, feeding];
  const chosen = queue === undefined ? there : first.length > 0 ? first : second;
  if (chosen.length > 0) return chosen;
  const what = [queue && `queue ${queue}`, shard && `shard ${shard}`].filter(Boolean).join(' on ');
  throw new TributaryError(`No source${what === '' ? '' : ` of ${what}`} is installed.`, {
    code: 'nothing-meant',
    kind: 'misconfigured',
    remedy: 'Run `tributary install`.',
  });
}

function requireKnown(
  what: 'Shard' | 'Queue',
  name: string,
  { known, file }: { readonly known: ReadonlySet<string>; readonly file: string },
): void {
  if (known.has(name)) return;
  const meant = nearest(name, known);
  throw new TributaryError(`${what} ${name} is not in ${file}.`, {
    code: 'unknown-name',
    kind: 'misconfigured',
    remedy:
      meant === undefined ? `Known are ${[...known].slice(0, 10).join(', ')}.` : `Did you mean ${meant}?`,
  });
}
