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
  /** Shards that have other sources than those that the caller knows. */
  readonly others: ReadonlySet<string>;
  /** Databases that shards have left, by shard; one that was never moved is absent. */
  readonly left: ReadonlyMap<string, readonly string[]>;
}

export interface SourcesOfShard {
  readonly shard: string;
  /** Of the sources that are known of it, see sourcesMark. */
  readonly mark: number;
}

const PRIME = 1_000_003;

/** Tells one set of sources from another, as tributary.source_changes computes it. */
export const sourcesMark = (sources: readonly { readonly id: number }[]): number =>
  sources.reduce((sum, { id }) => sum + (((id % PRIME) * (id % PRIME)) % PRIME), 0);

export async function readSourceStates(
  link: CentralLink,
  known: readonly SourcesOfShard[],
): Promise<SourceStates> {
  const rows = await link.query<{
    source: number | null;
    state: StoredState['state'];
    halt_reason: string | null;
    paused: boolean;
    pause_reason: string | null;
    shard: string | null;
    has_others: boolean;
    left_databases: string[] | null;
  }>('select * from tributary.source_changes($1, $2)', [
    known.map(({ shard }) => shard),
    known.map(({ mark }) => mark),
  ]);
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
    shard === null || left_databases === null ? [] : [[shard, left_databases]],
  );
  const others = rows.flatMap(({ shard, has_others }) => (has_others && shard !== null ? [shard] : []));
  return { exceptions: new Map(exceptions), others: new Set(others), left: new Map(left) };
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
