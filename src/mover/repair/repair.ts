// Repair of a halted source: shows what each way on would move or leave out, or carries one of them out.
//
// Invariant: events, the new position and the end of the halt are one commit. A repair that was ended half-way has done
// nothing, and is simply done again.
import { commitGathered } from '../../central/commit/commit.ts';
import type { QueueRows } from '../../central/commit/queue-rows.ts';
import { activateSourceSql, readHaltCode, readHistory } from '../../central/history.ts';
import { noteSql, type Operator } from '../../central/logbook/note.ts';
import { readSources, type StoredSource } from '../../central/positions.ts';
import type { Config, Shard } from '../../config/config.ts';
import { feedsOf } from '../../config/feeds.ts';
import { TributaryError } from '../../errors/tributary-error.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import type { Connection } from '../../postgres/connection.ts';
import { literal } from '../../postgres/quote.ts';
import { fill, sqlFile } from '../../postgres/sql-file.ts';
import { fewerXids, missingXidsSql } from '../../queue/ahead.ts';
import { resolveQueues } from '../../shards/queue-on-shard.ts';
import { type Tick, toTick } from '../../shards/ticks.ts';
import { isDelayingReading, readingsApart, readingsOf } from '../../shards/window.ts';
import {
  eventsIn,
  type HaltedSource,
  lookAtEvents,
  measureWay,
  type RepairConnections,
  type RepairCounts,
  type RouteEvents,
  repairWindowOf,
} from './repair-look.ts';
import { type Choice, planRepair, type Way } from './repair-plan.ts';
import { rowsWithout } from './repair-window.ts';

export interface RepairTarget {
  readonly config: Config;
  readonly shard: Shard;
  /** Queue on the shard. */
  readonly queue: string;
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

const TICKS_OF = sqlFile('shard', 'ticks-of.sql');
const HOLD_NOTHING = 'select 1';

/** What each way, or only `choice`, would do; changes nothing. */
export async function explainRepair(
  target: RepairTarget,
  connections: RepairConnections,
  choice?: Choice,
): Promise<RepairOutcome[]> {
  const found = await study(target, connections);
  const ways = found.ways.filter((way) => choice === undefined || way.choice === choice);
  const outcomes: RepairOutcome[] = [];
  for (const way of ways) outcomes.push(outcomeOf(way, await measureWay(way, found, connections)));
  return outcomes;
}

/** The queues of the shard's sources that are halted, in the order of the file. */
export async function haltedQueues(
  { config, shard }: Omit<RepairTarget, 'queue'>,
  central: Connection,
): Promise<string[]> {
  const stored = await readSources(central, [shard.name]);
  const halted = new Set(stored.flatMap(({ queue, state }) => (state === 'halted' ? [queue] : [])));
  return feedsOf(config).flatMap(({ queue }) => (halted.has(queue) ? [queue] : []));
}

/** Carries one way out, and the source is active again. */
export async function repair(
  target: RepairTarget,
  connections: RepairConnections,
  { choice, operator }: { readonly choice: Choice; readonly operator: Operator },
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
  const { stored, routes } = found;
  const { id, timeUs, eventSeq, md5 } = way.end;
  const looked = await lookAtEvents(way, found, connections);
  let moves = 0;
  const events = async function* (start: Tick, { route, known }: RouteEvents) {
    const window = repairWindowOf(found, route, { start, end: way.end });
    for await (const { bytes, rows } of rowsWithout(known, connections.shard, window)) {
      moves += rows;
      yield bytes;
    }
  };
  const { start } = way;
  const [main, ...beside] = looked.map(
    (one): QueueRows => ({
      queue: one.route.central,
      isDelaying: isDelayingReading(one.route),
      chunks: start === undefined ? [] : events(start, one),
    }),
  ) as unknown as readonly [QueueRows, ...QueueRows[]];
  await commitGathered(
    connections.central,
    {
      ...main,
      beside,
      steps: [
        {
          source: stored.id,
          n: stored.n + 1,
          after: stored.position as NonNullable<StoredSource['position']>,
          to: { tick: { id, timeUs, eventSeq, md5 } },
          // Known when all of them are copied, which is before it is asked for.
          get rows() {
            return moves;
          },
        },
      ],
      alongsideSql: `${activateSourceSql(stored.id)}, ${noteSql(operator, {
        kind: 'repair',
        queues: routes.map(({ central }) => central),
        what: `repaired source ${target.shard.name}:${target.queue} by --${choice}.`,
      })}`,
    },
    { timeoutMs: TIMING.gathering.repairMs, holdSql: HOLD_NOTHING },
  );
  return outcomeOf(way, { moves, leavesOut: eventsIn(looked) - moves });
}

async function study(
  { config, shard, queue }: RepairTarget,
  connections: RepairConnections,
): Promise<HaltedSource> {
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
  const [ids] = await connections.shard.query<{ missing: number }>(
    `select ${missingXidsSql(shard.schema)} as missing`,
  );
  if (ids !== undefined && ids.missing > 0)
    throw refusal(`${label} cannot be repaired yet: ${fewerXids(ids.missing)}.`);
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
  return {
    stored,
    routes: readingsApart(found.reading, found.central.name),
    isHeldByAny: found.reading.routing?.mode === 'first',
    onShard,
    ways,
    wholeBytes: config.mover.wholeBytes,
    isThorough: (await readHaltCode(connections.central, stored.id)) === 'younger-server',
  };
}

/** So that the newest tick covers what is committed; where ticks come from elsewhere theirs must do. */
async function tickNow(connection: Connection, { schema, ticker }: Shard, queue: string): Promise<void> {
  if (ticker === 'never') return;
  await connection.script(
    `begin; select from ${schema}.queue where queue_name = ${literal(queue)} for no key update;
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

function outcomeOf(way: Way, { moves, leavesOut }: RepairCounts): RepairOutcome {
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
