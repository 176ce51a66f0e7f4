// Reads and writes what central stores of sources besides their positions: states that operators set, and figures of movers.
import type { CentralLink } from './central-link.ts';

/** A source that is not simply active. */
export interface StoredState {
  readonly state: 'registering' | 'active' | 'halted';
  readonly haltReason: string | undefined;
  readonly paused: boolean;
  readonly pauseReason: string | undefined;
}

export interface SourceStates {
  /** By source id; a source that is absent is active. */
  readonly exceptions: ReadonlyMap<number, StoredState>;
  /** How many sources the shards have in all. */
  readonly total: number;
  /** Databases that shards have left, by shard; one that was never moved is absent. */
  readonly left: ReadonlyMap<string, readonly string[]>;
}

export async function readSourceStates(link: CentralLink, shards: readonly string[]): Promise<SourceStates> {
  const rows = await link.query<{
    source: number | null;
    state: StoredState['state'];
    halt_reason: string | null;
    paused: boolean;
    pause_reason: string | null;
    total: number | null;
    shard: string | null;
    left_databases: string[];
  }>('select * from tributary.source_states($1)', [shards]);
  const exceptions = rows
    .filter((row) => row.source !== null)
    .map((row): [number, StoredState] => [
      row.source as number,
      {
        state: row.state,
        haltReason: row.halt_reason ?? undefined,
        paused: row.paused,
        pauseReason: row.pause_reason ?? undefined,
      },
    ]);
  const left = rows.flatMap(({ shard, left_databases }): [string, string[]][] =>
    shard === null ? [] : [[shard, left_databases]],
  );
  const total = rows.find((row) => row.total !== null)?.total ?? 0;
  return { exceptions: new Map(exceptions), total, left: new Map(left) };
}

/** One source's figures as they are stored. */
export interface LagFigure {
  readonly source: number;
  /** Age of the figures in seconds; null: this mover has none, and the last ones stored stay. */
  readonly age_s: number | null;
  readonly state: string;
  readonly reason: string | null;
  /** The name that `doctor` has for the reason. */
  readonly cause: string | null;
  readonly events_behind: number | null;
  readonly exact: boolean;
  readonly seconds_behind: number | null;
  /** They hold until the mover reports others, or is silent. */
  readonly stands: boolean;
  /** As long as they hold the same event is the oldest. */
  readonly ages: boolean;
  readonly last_tick: number | null;
  readonly provider: string | null;
}

export interface LagReporter {
  /** Its member id. */
  readonly member: string;
  readonly host: string;
}

/** What a mover reports: the sources that have changed; of all others what it reported before still holds. */
export interface StoredChanges {
  readonly figures: readonly LagFigure[];
  /** Sources that it looks after no longer. */
  readonly left?: readonly number[];
  /** Of the oldest figures that stand. */
  readonly ageSeconds?: number;
}

export async function storeLag(
  link: CentralLink,
  { member, host }: LagReporter,
  { figures, left = [], ageSeconds = 0 }: StoredChanges,
): Promise<void> {
  await link.query('select tributary.store_lag($1, $2, $3, $4, $5)', [
    ...[member, host, ageSeconds],
    ...[JSON.stringify(figures), left],
  ]);
}
