// Repair of a halted source: shows what each way would move or leave out, or goes one of them.
//
// Order: events and the new position are committed together, as ever; only then the source is let go. A repair that was
// ended half-way is simply done again: what central holds by then is left out.
import { commitGathered } from '../central/commit.ts';
import { activateSource, type HeldEvent, readHeldEvents, readHistory } from '../central/history.ts';
import { readSources, type StoredSource } from '../central/positions.ts';
import type { Config, Queue, Shard } from '../config/config.ts';
import { TributaryError } from '../errors/tributary-error.ts';
import type { Connection } from '../postgres/connection.ts';
import { literal } from '../postgres/quote.ts';
import { fill, sqlFile } from '../postgres/sql-file.ts';
import { endCopyOut, startCopyOut } from '../shards/copy-out.ts';
import { type QueueOnShard, resolveQueues } from '../shards/queue-on-shard.ts';
import { type Tick, toTick } from '../shards/ticks.ts';
import { type Reading, readingsOf } from '../shards/window.ts';
import { Cutter } from './cutter.ts';
import { type Choice, planRepair, type Way } from './repair-plan.ts';

export interface RepairTarget {
  readonly config: Config;
  readonly shard: Shard;
  /** Queue on the shard. */
  readonly queue: string;
}

export interface RepairConnections {
  readonly central: Connection;
  readonly shard: Connection;
}

/** What one way would do, or has done. */
export interface RepairOutcome {
  readonly choice: Choice;
  /** Events moved to central. */
  readonly moves: number;
  /** Events on the shard that are left out because central holds them, or because they are skipped. */
  readonly leavesOut: number;
  /** Time of the tick where moving begins again. */
  readonly from: string | undefined;
  readonly hindrance: string | undefined;
}

interface Case {
  readonly stored: StoredSource;
  readonly central: Queue;
  readonly reading: Reading;
  readonly onShard: QueueOnShard;
  readonly ways: readonly Way[];
  readonly held: readonly HeldEvent[];
}

const TICKS_OF = sqlFile('shard', 'ticks-of.sql');
const HOLD_NOTHING = 'select 1';
const COMMIT_TIMEOUT_MS = 300_000;

/** What each way would do; changes nothing. */
export async function explainRepair(
  target: RepairTarget,
  connections: RepairConnections,
): Promise<RepairOutcome[]> {
  const found = await study(target, connections);
  const outcomes: RepairOutcome[] = [];
  for (const way of found.ways) outcomes.push(outcomeOf(way, await read(way, found, connections.shard)));
  return outcomes;
}

/** Goes one way and lets the source move again. */
export async function repair(
  target: RepairTarget,
  connections: RepairConnections,
  choice: Choice,
): Promise<RepairOutcome> {
  const found = await study(target, connections);
  const way = found.ways.find((one) => one.choice === choice) as Way;
  const label = `Source ${target.shard.name}:${target.queue}`;
  if (way.hindrance !== undefined) {
    throw new TributaryError(`${label} cannot be repaired by ${choice}: ${way.hindrance}.`, {
      code: 'repair',
      kind: 'halting',
      remedy: 'Choose another way; `--dry-run` shows them.',
    });
  }
  const contents = await read(way, found, connections.shard);
  const { stored, central } = found;
  const { id, timeUs, eventSeq, md5 } = way.end;
  await commitGathered(
    connections.central,
    {
      queue: central.name,
      chunks: contents.chunks,
      steps: [
        {
          source: stored.id,
          n: stored.n + 1,
          after: stored.position as NonNullable<StoredSource['position']>,
          to: { tick: { id, timeUs, eventSeq, md5 } },
          rows: contents.moves,
        },
      ],
    },
    { timeoutMs: COMMIT_TIMEOUT_MS, holdSql: HOLD_NOTHING },
  );
  await activateSource(connections.central, stored.id);
  return outcomeOf(way, contents);
}

async function study({ config, shard, queue }: RepairTarget, connections: RepairConnections): Promise<Case> {
  const label = `Source ${shard.name}:${queue}`;
  const stored = (await readSources(connections.central, [shard.name])).find(
    (source) => source.queue === queue,
  );
  if (stored === undefined) throw refusal(`${label} is not installed.`, 'Run `tributary install`.');
  if (stored.state !== 'halted') throw refusal(`${label} is not halted, so there is nothing to repair.`);
  if (stored.position === undefined)
    throw refusal(`${label} has no position.`, 'Restore central from a backup that has it.');
  const found = readingsOf(config, shard).get(queue);
  if (found === undefined) throw refusal(`${label} is not in the file any more.`);
  const onShard = (await resolveQueues(connections.shard, shard.schema, [queue])).get(queue);
  if (onShard === undefined)
    throw refusal(`Queue ${queue} does not exist on shard ${shard.name}.`, 'Create it there first.');
  await tickNow(connections.shard, shard, queue);
  const history = await readHistory(connections.central, stored.id);
  const ticks = await readTicks(connections.shard, {
    schema: shard.schema,
    queue,
    ids: history.map(({ id }) => id),
  });
  const ways = planRepair(history, ticks);
  if (ways.length === 0)
    throw refusal(`Queue ${queue} on shard ${shard.name} has no tick.`, 'Let a ticker run there first.');
  const { origin } = found.reading;
  const held =
    origin === 'none'
      ? []
      : await readHeldEvents(connections.central, {
          queue: found.central.name,
          column: `ev_${origin}`,
          prefix: `${shard.name}:${queue}:`,
        });
  return { stored, central: found.central, reading: found.reading, onShard, ways, held };
}

/** So that the newest tick covers what is committed; where ticks come from elsewhere theirs must do. */
async function tickNow(connection: Connection, { schema, ticker }: Shard, queue: string): Promise<void> {
  if (ticker === 'never') return;
  await connection.script(
    `begin; select pg_advisory_xact_lock(1414678850, queue_id) from ${schema}.queue where queue_name = ${literal(queue)};
     select ${schema}.ticker(queue_name) from ${schema}.queue
     where queue_name = ${literal(queue)} and not queue_external_ticker and not queue_ticker_paused; commit`,
  );
}

async function readTicks(
  shard: Connection,
  { schema, queue, ids }: { schema: string; queue: string; ids: readonly number[] },
): Promise<Tick[]> {
  const [rows = []] = await shard.script(
    fill(TICKS_OF, { schema, queue: literal(queue), ids: literal(`{${ids.join(',')}}`) }),
  );
  return rows.map((row) =>
    toTick({
      id: row.tick_id as number,
      timeUs: row.time_us as number,
      eventSeq: row.event_seq as number,
      snapshot: row.snapshot as string,
    }),
  );
}

interface Contents {
  readonly chunks: readonly Buffer[];
  readonly moves: number;
  readonly leavesOut: number;
}

async function read(way: Way, found: Case, shard: Connection): Promise<Contents> {
  const oldest = found.ways.find(({ choice }) => choice === 'take-over')?.start as Tick;
  const all = await readWindow(shard, { found, start: way.start ?? oldest, end: way.end, where: undefined });
  if (way.start === undefined) return { chunks: [], moves: 0, leavesOut: all.rows };
  if (!way.leavesOutHeld || found.held.length === 0)
    return { chunks: all.chunks, moves: all.rows, leavesOut: 0 };
  const rest = await readWindow(shard, {
    found,
    start: way.start,
    end: way.end,
    where: notHeldSql(found.held),
  });
  return { chunks: rest.chunks, moves: rest.rows, leavesOut: all.rows - rest.rows };
}

/** Both id and time must be the same: ids alone are given out again. */
function notHeldSql(held: readonly HeldEvent[]): string {
  const ids = held.map(({ id }) => id).join(',');
  const times = held.map(({ timeUs }) => timeUs).join(',');
  return `not exists (select from unnest('{${ids}}'::bigint[], '{${times}}'::bigint[]) as held (id, time_us)
    where held.id = ev_id and held.time_us = (extract(epoch from ev_time) * 1000000)::bigint)`;
}

async function readWindow(
  shard: Connection,
  { found, start, end, where }: { found: Case; start: Tick; end: Tick; where: string | undefined },
): Promise<{ chunks: Buffer[]; rows: number }> {
  const { reading, onShard } = found;
  const conditions = [reading.where, where].filter((one) => one !== undefined).map((one) => `(${one})`);
  const cutter = new Cutter();
  const chunks: Buffer[] = [];
  let rows = 0;
  const stream = await startCopyOut(shard, [
    {
      window: { queue: onShard, start, end, afterEventId: undefined },
      reading: { ...reading, where: conditions.length === 0 ? undefined : conditions.join(' and ') },
    },
  ]);
  for await (const chunk of stream) {
    for (const piece of cutter.push(chunk as Buffer)) {
      chunks.push(piece.bytes);
      rows += piece.rows;
    }
  }
  await endCopyOut(shard);
  return { chunks, rows };
}

function outcomeOf(way: Way, { moves, leavesOut }: Contents): RepairOutcome {
  return {
    choice: way.choice,
    moves,
    leavesOut,
    from: way.start === undefined ? undefined : new Date(way.start.timeUs / 1000).toISOString(),
    hindrance: way.hindrance,
  };
}

function refusal(what: string, remedy?: string): TributaryError {
  return new TributaryError(what, {
    code: 'repair',
    kind: 'misconfigured',
    ...(remedy === undefined ? {} : { remedy }),
  });
}
