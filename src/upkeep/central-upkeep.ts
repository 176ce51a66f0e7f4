// Upkeep of central: ticks for events that others committed, rotation and retries of the central queues, old positions.
import type { CentralLink } from '../central/central-link.ts';
import { expireDead } from '../central/dead.ts';
import type { Queue } from '../config/config.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { maintain, moveRetries, retriesDueSql } from './maintenance.ts';
import { PiledTables } from './piled-tables.ts';

/** The resource whose holder does it: a mover, or a host of workers. */
export const CENTRAL_RESOURCE = 'upkeep:central';

export interface CentralUpkeepOptions {
  readonly queues: readonly Pick<Queue, 'name' | 'deadMs'>[];
  /** The groups of those that have several. */
  readonly worked?: readonly { readonly name: string; readonly deadMs: number | undefined }[];
  /** The group without a name. */
  readonly group: string;
  readonly onTrouble: (what: string, error: unknown) => void;
  readonly onRotation: (queue: string, outcome: string) => void;
}

/** Old positions stay at least this long: repair needs their fingerprints. */
const POSITIONS_PERIOD = '1 hour';
/** What was handled stays at least this long, for `trace`, unless a table of it is full before. */
const HANDLED_PERIOD = '2 hours';
const HANDLED_BYTES = 64 * 1024 * 1024;
/** What was published can be read for this long: a browser that comes again after a minute misses nothing. */
const PUBLISHED_PERIOD = '2 minutes';
/** Of the logbook. */
const LOG_KEPT = '90 days';
/** Of one queue's dead events, every ten seconds. */
const EXPIRED_AT_ONCE = 1_000;

export class CentralUpkeep {
  readonly name = 'central upkeep';
  readonly #link: CentralLink;
  readonly #options: CentralUpkeepOptions;
  readonly #piledTables = new PiledTables();
  #maintainAtMs = 0;
  /** Each step of a turn counts: rotations take long. */
  steps = 0;

  /** @param link used by this alone. */
  constructor(link: CentralLink, options: CentralUpkeepOptions) {
    this.#link = link;
    this.#options = options;
  }

  /** @returns how long there is nothing to do, in ms. */
  async runOnce(): Promise<number> {
    await this.#turn();
    return TIMING.centralTicks.upkeepEveryMs * (0.9 + Math.random() * 0.2);
  }

  async #turn(): Promise<void> {
    const names = this.#options.queues.map(({ name }) => name);
    const { hasRetries, hasLanes } = await this.#tick(names);
    if (hasRetries) {
      await this.#guarded('retries', () =>
        this.#link.use(async (connection) => {
          await moveRetries(connection, 'pgq');
        }),
      );
      // The ticks that hand them out.
      await this.#tick(names);
    }
    if (hasLanes) {
      await this.#guarded('events of paused keys', async () => {
        await this.#link.query('select tributary.lane_due()');
      });
      await this.#guarded('positions of lanes', async () => {
        await this.#link.query('select tributary.lane_follow()');
      });
    }
    const isDue = performance.now() >= this.#maintainAtMs;
    if (hasLanes || isDue)
      await this.#guarded('tables whose rows pile up', async () => {
        await this.#link.use((connection) => this.#piledTables.run(connection));
      });
    if (!isDue) return;
    this.#maintainAtMs = performance.now() + TIMING.centralTicks.maintainEveryMs;
    await this.#guarded('maintenance', () =>
      this.#link.use(async (connection) => {
        await maintain(connection, {
          schema: 'pgq',
          queues: this.#options.queues.map(({ name }) => name),
          onRotation: this.#options.onRotation,
          onTrouble: (queue, error) => this.#options.onTrouble(`rotation of ${queue}`, error),
        });
      }),
    );
    for (const { name, deadMs } of this.#all) {
      if (deadMs === undefined) continue;
      await this.#guarded(`old dead events of ${name}`, async () => {
        await expireDead(this.#link, name, { keepMs: deadMs, limit: EXPIRED_AT_ONCE });
      });
    }
    await this.#guarded('rotation of positions', async () => {
      await this.#link.query('select tributary.rotate_positions($1::interval)', [POSITIONS_PERIOD]);
    });
    await this.#guarded('rotation of what was handled', async () => {
      await this.#link.query('select tributary.rotate_handled($1::interval, $2)', [
        HANDLED_PERIOD,
        HANDLED_BYTES,
      ]);
    });
    await this.#guarded('rotation of what was published', async () => {
      await this.#link.query('select tributary.rotate_published($1::interval)', [PUBLISHED_PERIOD]);
    });
    await this.#note();
  }

  /**
   * All in one statement; where one of them cannot be ticked, each in its own. @returns what else there is to do, as the same
   * statement shows it: once a second, on a central that may have nothing to do, it is the only one.
   */
  async #tick(queues: readonly string[]): Promise<{ hasRetries: boolean; hasLanes: boolean }> {
    const tick = async (some: readonly string[]) => {
      const [row] = await this.#link.query<{ has_retries: boolean; has_lanes: boolean }>(
        `select count(tributary.tick(q, null)), ${retriesDueSql('pgq')} as has_retries,
           exists (select from tributary.lane_set) or exists (select from tributary.paused_key) as has_lanes
         from unnest($1::text[]) q`,
        [some],
      );
      this.steps += 1;
      return { hasRetries: row?.has_retries === true, hasLanes: row?.has_lanes === true };
    };
    try {
      return await tick(queues);
    } catch {
      for (const queue of queues)
        await this.#guarded(`tick of ${queue}`, async () => {
          await tick([queue]);
        });
      return { hasRetries: true, hasLanes: true };
    }
  }

  /** Every ten seconds; whoever had the upkeep just before may have done it. */
  async #note(): Promise<void> {
    const names = this.#all.map(({ name }) => name);
    await this.#guarded('history of the queues', async () => {
      await this.#link.query('select tributary.note_history($1, $2)', [names, this.#options.group]);
    });
    await this.#guarded('old rows of the logbook', async () => {
      await this.#link.query('select tributary.log_expire($1::interval, $2)', [LOG_KEPT, EXPIRED_AT_ONCE]);
    });
  }

  /** Queues, and the groups of those that have several. */
  get #all(): readonly { readonly name: string; readonly deadMs?: number | undefined }[] {
    return [...this.#options.queues, ...(this.#options.worked ?? [])];
  }

  async #guarded(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#options.onTrouble(what, error);
    }
    this.steps += 1;
  }
}
