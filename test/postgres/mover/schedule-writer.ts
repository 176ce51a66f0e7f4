// A writer of a random schedule: transactions with savepoints, snapshot isolation, stale tables, repeated ids, two phases.
import type { Connection } from '../../../src/postgres/connection.ts';
import { literal } from '../../../src/postgres/quote.ts';
import type { Random } from '../../support/random.ts';

export interface WriterOptions {
  readonly name: string;
  readonly queues: readonly string[];
  readonly random: Random;
  /** A name that no event of the lane has yet. */
  readonly newEvent: () => string;
  readonly onCommitted: (events: readonly string[]) => void;
  readonly onStep: (step: string) => void;
}

export class ScheduleWriter {
  readonly #connection: Connection;
  readonly #options: WriterOptions;
  readonly #prepared: { gid: string; events: string[] }[] = [];
  #transactions = 0;
  #isOpen = false;
  /** What the transaction has written, by savepoint. */
  #levels: string[][] = [[]];
  /** A table asked for before the insert, as old bulk loaders do. */
  #stale: { queue: string; table: string } | undefined;

  constructor(connection: Connection, options: WriterOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  async step(): Promise<void> {
    const { random, queues } = this.#options;
    const levels = this.#levels;
    const dice = random.below(100);
    if (!this.#isOpen) {
      if (this.#prepared.length > 0 && dice < 40) return this.#endPrepared();
      // Snapshot isolation: what it sees of a rotation is what its first statement saw.
      const isolation = random.oneIn(4) ? 'repeatable read' : 'read committed';
      await this.#say(`begin isolation level ${isolation}`);
      if (isolation === 'repeatable read') await this.#say('select 1');
      this.#isOpen = true;
    } else if (dice < 45) {
      await this.#insert();
    } else if (dice < 55) {
      await this.#say(`savepoint s${levels.length}`);
      levels.push([]);
    } else if (dice < 62 && levels.length > 1) {
      levels.pop();
      await this.#say(`rollback to savepoint s${levels.length}`);
    } else if (dice < 68 && levels.length > 1) {
      const inner = levels.pop() as string[];
      levels.at(-1)?.push(...inner);
      await this.#say(`release savepoint s${levels.length}`);
    } else if (dice < 74) {
      const queue = random.pick(queues);
      const [, [row] = []] = await this.#connection.script(
        `select 1; select pgq.current_event_table('${queue}') as table`,
      );
      this.#stale = { queue, table: row?.table as string };
      this.#options.onStep(`asked for ${this.#stale.table}`);
    } else if (dice < 82) {
      await this.#finish('rollback');
    } else if (dice < 88) {
      await this.#prepare();
    } else {
      await this.#finish('commit');
    }
  }

  async #insert(): Promise<void> {
    const { random, queues } = this.#options;
    const levels = this.#levels;
    const stale = this.#stale;
    const names = Array.from({ length: 1 + random.below(3) }, () => this.#options.newEvent());
    if (stale !== undefined && random.oneIn(2)) {
      this.#stale = undefined;
      const values = names.map((name) => `(now(), 'old', ${literal(name)})`).join(', ');
      await this.#say(`insert into ${stale.table} (ev_time, ev_type, ev_data) values ${values}`);
    } else if (random.oneIn(12)) {
      // Ids are not unique.
      const queue = random.pick(queues);
      const id = 1 + random.below(20);
      await this.#say(
        names
          .map(
            (name) =>
              `select pgq.insert_event_raw('${queue}', ${id}, now(), null, null, 'raw', ${literal(name)}, null, null, null, null)`,
          )
          .join(';'),
      );
    } else {
      await this.#say(
        names
          .map((name) => `select pgq.insert_event('${random.pick(queues)}', 'new', ${literal(name)})`)
          .join(';'),
      );
    }
    levels.at(-1)?.push(...names);
  }

  async #prepare(): Promise<void> {
    this.#transactions += 1;
    const gid = `${this.#options.name}_${this.#transactions}`;
    await this.#say(`prepare transaction '${gid}'`);
    this.#prepared.push({ gid, events: this.#levels.flat() });
    this.#reset();
  }

  async #endPrepared(): Promise<void> {
    const { gid, events } = this.#prepared.shift() as { gid: string; events: string[] };
    const isCommitted = !this.#options.random.oneIn(3);
    await this.#say(`${isCommitted ? 'commit' : 'rollback'} prepared '${gid}'`);
    if (isCommitted) this.#options.onCommitted(events);
  }

  async #finish(how: 'commit' | 'rollback'): Promise<void> {
    await this.#say(how);
    if (how === 'commit') this.#options.onCommitted(this.#levels.flat());
    this.#reset();
  }

  #reset(): void {
    this.#isOpen = false;
    this.#levels = [[]];
    this.#stale = undefined;
  }

  /** Ends all that is open. */
  async end(): Promise<void> {
    if (this.#isOpen) await this.#finish(this.#options.random.oneIn(4) ? 'rollback' : 'commit');
    while (this.#prepared.length > 0) await this.#endPrepared();
  }

  async #say(sql: string): Promise<void> {
    this.#options.onStep(sql);
    await this.#connection.script(sql);
  }
}
