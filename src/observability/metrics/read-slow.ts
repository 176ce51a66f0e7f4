// Reads what metrics show of central besides `lag`: disk of queues, dead events by kind, the last reload, schedules.
//
// Invariant: central is asked at most once in TIMING.http.slowMs, however often metrics are scraped. Where it does not answer,
// these figures are absent.
import type { CentralPool } from '../../central/central-pool.ts';
import type { Schedule } from '../../config/config.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { readStandings } from '../../schedules/standing.ts';
import { type Figures, gauge } from './figures.ts';
import { scheduleFigures } from './of-schedules.ts';

/** `poison` and the others of tributary.dead_event; each is there from the beginning, so that its first rise is seen. */
const KINDS = ['handler', 'killed', 'poison', 'conflict'] as const;

export interface SlowRow {
  readonly queue: string;
  /** Null: a group, whose disk is its queue's. */
  readonly disk_bytes: number | null;
  readonly overdue_s: number | null;
  readonly held_bytes: number | null;
  readonly dead: Readonly<Record<string, number>>;
  readonly renewed_s: number | null;
}

/** As the file has it now. */
export interface SlowWanted {
  /** Central queues and groups of them. */
  readonly queues: readonly string[];
  readonly schedules: readonly Schedule[];
}

export class SlowFigures {
  readonly #pool: Pick<CentralPool, 'query'>;
  readonly #wanted: () => SlowWanted;
  #figures: Promise<Figures> | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(pool: Pick<CentralPool, 'query'>, wanted: () => SlowWanted) {
    this.#pool = pool;
    this.#wanted = wanted;
  }

  async figures(): Promise<Figures> {
    if (this.#figures === undefined || performance.now() - this.#readAtMs >= TIMING.http.slowMs) {
      this.#readAtMs = performance.now();
      this.#figures = this.#read();
    }
    return await this.#figures;
  }

  async #read(): Promise<Figures> {
    const { queues, schedules } = this.#wanted();
    const options = { timeoutMs: TIMING.http.centralMs };
    try {
      const rows = await this.#pool.query<SlowRow>('select * from tributary.lag_slow($1)', [queues], options);
      return {
        ...slowFigures(rows),
        ...scheduleFigures(await readStandings(this.#pool, schedules, options)),
      };
    } catch {
      // Asked again with the next scrape.
      this.#readAtMs = Number.NEGATIVE_INFINITY;
      return {};
    }
  }
}

function slowFigures(rows: readonly SlowRow[]): Figures {
  const known = (value: (row: SlowRow) => number | null) =>
    gauge(
      ...rows.flatMap((row) => {
        const figure = value(row);
        return figure === null ? [] : [[[row.queue], figure] as const];
      }),
    );
  return {
    tributary_queue_disk_bytes: known(({ disk_bytes }) => disk_bytes),
    tributary_rotation_overdue_seconds: known(({ overdue_s }) => overdue_s),
    tributary_rotation_held_bytes: known(({ held_bytes }) => held_bytes),
    tributary_dead_events_of_kind: gauge(
      ...rows.flatMap(({ queue, dead }) => KINDS.map((kind) => [[queue, kind], dead[kind] ?? 0] as const)),
    ),
    tributary_last_reload_time_seconds: known(({ renewed_s }) => renewed_s),
  };
}
