// Reads central's part of `lag`: sources with the reports of movers, and queues with their workers.
import type { CentralLink } from '../../central/central-link.ts';
import { readGroupNames } from '../../central/groups.ts';
import { type HostFile, readHostFiles } from '../../central/host-files.ts';
import { formerNames } from '../../central/known-shards.ts';
import { type RetiredSource, readRetired } from '../../central/succession/retired.ts';
import type { Config } from '../../config/config.ts';
import { figuredNames, queueOf } from '../../config/worked.ts';
import { type DelayedStanding, delayedStandings } from '../../delays/delayed.ts';
import { sqlstateOf } from '../../errors/sqlstate.ts';
import { TributaryError } from '../../errors/tributary-error.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import type { Connection } from '../../postgres/connection.ts';
import { missingByQueueSql } from '../../queue/ahead.ts';
import { groupName } from '../../queue/names.ts';
import { upkeepTrouble } from '../../upkeep/upkeep-lease.ts';
import type { BatchAtHand, CentralQueueFacts, LagPosition, StoredLag } from './facts.ts';
import type { LagState } from './report.ts';

export interface CentralAnswer {
  readonly at: Date;
  readonly sources: readonly StoredLag[];
  readonly queues: readonly CentralQueueFacts[];
  readonly files: readonly HostFile[];
  /** Names in the file that shards had before, each with the present name. */
  readonly renamed: ReadonlyMap<string, string>;
  /** Sources of the file that have ended, `shard:queue`. */
  readonly retired: ReadonlyMap<string, RetiredSource>;
}

/** Undefined function, table, column or schema: an older install. */
const OUTDATED = ['42883', '42P01', '42703', '3F000'];

/** The error itself, or what it says about central: that it was installed by another version. */
export function asOutdated(error: unknown): unknown {
  const cause = error instanceof TributaryError ? error.cause : error;
  if (!OUTDATED.includes(sqlstateOf(cause) ?? '')) return error;
  return new TributaryError('Central was installed by another version of Tributary.', {
    code: 'outdated-install',
    kind: 'misconfigured',
    remedy: 'Run `tributary install`.',
    cause: error,
  });
}

/** @throws misconfigured where central is not installed by this version. */
export async function readCentralLag(link: Pick<CentralLink, 'use'>, config: Config): Promise<CentralAnswer> {
  const queueNames = config.queues.map(({ name }) => name);
  const inFile = figuredNames(config);
  try {
    return await link.use(async (central) => {
      const options = { timeoutMs: TIMING.reports.centralMs };
      const groups = await readGroupNames(central, groupName(config), options.timeoutMs);
      const names = [...new Set([...inFile, ...groups])];
      const sources = await central.query<SourceRow>('select * from tributary.lag_sources()', [], options);
      const queues = await central.query<QueueRow>(
        'select *, extract(epoch from now())::float8 * 1000 as now_ms from tributary.lag_central($1, $2)',
        [names, groupName(config)],
        options,
      );
      const missing = await central.query<{ queue: string; missing: number }>(
        missingByQueueSql('pgq'),
        [],
        options,
      );
      const missingOf = new Map(missing.map((row) => [row.queue, Math.max(0, row.missing)]));
      const delayed = await delayedStandings(central, queueNames, TIMING.reports.centralMs);
      const upkeep = await upkeepTrouble(central, TIMING.reports.centralMs);
      const known = new Set(sources.map(({ shard }) => shard));
      const unknown = config.shards.map(({ name }) => name).filter((name) => !known.has(name));
      const renamed = unknown.length === 0 ? new Map<string, string>() : await formerNames(central, unknown);
      const retired = await retiredAmong(central, config, sources);
      const files = await readHostFiles(central, TIMING.reports.centralMs);
      return {
        at: new Date(queues[0]?.now_ms ?? Date.now()),
        sources: sources.map(toStored),
        files,
        renamed,
        retired,
        queues: queues.map((row) => ({
          ...toQueue(row),
          missingXids: missingOf.get(queueOf(config, row.queue)?.name ?? row.queue) ?? 0,
          delayed: delayedFacts(delayed.get(row.queue), row.now_ms),
          upkeepTrouble: upkeep,
        })),
      };
    });
  } catch (error) {
    throw asOutdated(error);
  }
}

/** Asked only where central does not know what the file names. */
async function retiredAmong(
  central: Connection,
  { shards, queues }: Config,
  sources: readonly Pick<SourceRow, 'shard' | 'queue'>[],
): Promise<ReadonlyMap<string, RetiredSource>> {
  const known = new Set(sources.map(({ shard, queue }) => `${shard}:${queue}`));
  const wanted = queues.flatMap(({ from }) => from);
  const incomplete = shards.filter(({ name }) => wanted.some((queue) => !known.has(`${name}:${queue}`)));
  if (incomplete.length === 0) return new Map();
  const ended = await readRetired(
    central,
    incomplete.map(({ name }) => name),
  );
  return new Map(ended.map((one) => [`${one.shard}:${one.queue}`, one]));
}

function delayedFacts(standing: DelayedStanding | undefined, nowMs: number): CentralQueueFacts['delayed'] {
  if (standing === undefined) return undefined;
  const { nextMs = nowMs } = standing;
  return { ...standing, overdueSeconds: Math.max(0, (nowMs - nextMs) / 1_000) };
}

interface SourceRow {
  source: number;
  shard: string;
  queue: string;
  central_queue: string;
  state: StoredLag['state'];
  halt_reason: string | null;
  paused: boolean;
  pause_reason: string | null;
  paused_age_s: number | null;
  n: number | null;
  tick_id: number;
  tick_time_us: number;
  tick_event_seq: number;
  tick_snapshot_md5: string;
  end_tick_id: number | null;
  last_event_id: number;
  moved: number | null;
  report_age_s: number | null;
  figures_age_s: number | null;
  report_state: LagState | null;
  report_reason: string | null;
  mover: string | null;
  events_behind: number | null;
  exact: boolean | null;
  seconds_behind: number | null;
  ages: boolean | null;
  last_tick: number | null;
  provider: string | null;
  holder: string | null;
  freed_age_s: number | null;
  halted_age_s: number | null;
  state_age_s: number | null;
  halt_code: string | null;
  paused_by: string | null;
  cause: string | null;
  routes: string[] | null;
  unrouted: number | null;
}

function toStored(row: SourceRow): StoredLag {
  return {
    id: row.source,
    shard: row.shard,
    queue: row.queue,
    centralQueue: row.central_queue,
    routes: row.routes ?? undefined,
    unrouted: row.unrouted ?? undefined,
    state: row.state,
    haltReason: row.halt_reason ?? undefined,
    haltCode: row.halt_code ?? undefined,
    haltedAgeSeconds: row.halted_age_s ?? undefined,
    paused: row.paused
      ? {
          reason: row.pause_reason ?? undefined,
          by: row.paused_by ?? undefined,
          ageSeconds: row.paused_age_s ?? 0,
        }
      : undefined,
    position: row.n === null ? undefined : toPosition(row),
    moved: row.moved ?? 0,
    report:
      row.report_age_s === null || row.report_state === null
        ? undefined
        : {
            ageSeconds: row.report_age_s,
            state: row.report_state,
            stateAgeSeconds: row.state_age_s ?? undefined,
            reason: row.report_reason ?? undefined,
            cause: row.cause ?? undefined,
            mover: row.mover ?? undefined,
          },
    figures:
      row.figures_age_s === null || row.events_behind === null
        ? undefined
        : {
            ageSeconds: row.figures_age_s,
            eventsBehind: row.events_behind,
            isExact: row.exact === true,
            secondsBehind: row.seconds_behind ?? undefined,
            isAgeing: row.ages === true,
          },
    lastTick: row.last_tick ?? undefined,
    provider: row.provider ?? undefined,
    holder: row.holder ?? undefined,
    freedAgeSeconds: row.freed_age_s ?? undefined,
  };
}

function toPosition(row: SourceRow): LagPosition {
  return {
    tick: {
      id: row.tick_id,
      timeUs: row.tick_time_us,
      eventSeq: row.tick_event_seq,
      md5: row.tick_snapshot_md5,
    },
    inside:
      row.end_tick_id === null ? undefined : { endTickId: row.end_tick_id, lastEventId: row.last_event_id },
  };
}

interface QueueRow {
  now_ms: number;
  queue: string;
  is_there: boolean;
  has_group: boolean;
  wanted: number | null;
  running: number;
  parked: string | null;
  troubled: string | null;
  tried: number;
  failed: number;
  failure: string | null;
  came: number | null;
  handled: number | null;
  batches: BatchAtHand[] | null;
  events_behind: number | null;
  exact: boolean;
  seconds_behind: number | null;
  position_tick: number | null;
  tick_is_gone: boolean;
  retrying: number | null;
  dead: number;
  lanes: number | null;
  next_lanes: number | null;
  paused_keys: number;
  paused_events: number;
  paused_seconds: number | null;
  paused_key: string | null;
}

function toQueue(row: QueueRow): Omit<CentralQueueFacts, 'missingXids' | 'upkeepTrouble'> {
  return {
    queue: row.queue,
    isThere: row.is_there,
    hasGroup: row.has_group,
    wanted: row.wanted ?? undefined,
    running: row.running,
    parked: row.parked ?? undefined,
    troubled: row.troubled ?? undefined,
    recent: { tried: row.tried, failed: row.failed, error: row.failure ?? undefined },
    inPerSecond: row.came ?? undefined,
    outPerSecond: row.handled ?? undefined,
    batches: (row.batches ?? []).map(({ events, ...rest }) => ({ ...rest, events: events ?? undefined })),
    eventsBehind: row.events_behind ?? undefined,
    isExact: row.exact,
    secondsBehind: row.seconds_behind ?? undefined,
    positionTick: row.position_tick ?? undefined,
    tickIsGone: row.tick_is_gone,
    retrying: row.retrying ?? 0,
    dead: row.dead,
    lanes: row.lanes ?? 0,
    nextLanes: row.next_lanes ?? undefined,
    paused:
      row.paused_keys === 0
        ? undefined
        : {
            keys: row.paused_keys,
            events: row.paused_events,
            seconds: row.paused_seconds ?? 0,
            oldest: row.paused_key ?? '',
          },
  };
}
