// One till of the shop: business transactions on one shard, one after the other, each with its events inside.
import { wait } from '../../../lifecycle/wait.ts';
import type { Connection } from '../../../postgres/connection.ts';
import { literal } from '../../../postgres/quote.ts';

/** One of this many transactions is rolled back: its events must never be seen. */
const ROLLED_BACK = 20;
/** One of this many waits before its commit, so that later ones of other tills are visible first. */
const DAWDLING = 100;
const DAWDLE_S = 0.1;
/** On a machine that cannot keep up, transactions missed longer ago than this are not made up for. */
const MAX_DEBT_MS = 1_000;

export class Till {
  readonly #connection: Connection;
  readonly #name: string;
  readonly #eventsPerMs: number;

  constructor(connection: Connection, name: string, eventsPerSecond: number) {
    this.#connection = connection;
    this.#name = name;
    this.#eventsPerMs = eventsPerSecond / 1_000;
  }

  /** Until the signal; the transaction at hand is finished. */
  async run(signal: AbortSignal): Promise<void> {
    let dueMs = performance.now() + Math.random() / this.#eventsPerMs;
    while (!signal.aborted) {
      const nowMs = performance.now();
      if (dueMs > nowMs) await wait(dueMs - nowMs, signal);
      else dueMs = Math.max(dueMs, nowMs - MAX_DEBT_MS) + (await this.#transaction()) / this.#eventsPerMs;
    }
  }

  /** @returns how many events it inserted. */
  async #transaction(): Promise<number> {
    const isSale = Math.random() < 0.55;
    const orders = 1 + Math.floor(Math.random() * 3);
    const dawdles = isOneOf(DAWDLING) ? `select pg_sleep(${DAWDLE_S});` : '';
    const isRolledBack = isOneOf(ROLLED_BACK);
    await this.#connection.script(
      `begin;
       select ${isSale ? 'check_out' : 'pay'}(${literal(this.#name)}, ${orders});
       ${dawdles}
       ${isRolledBack ? 'rollback' : 'commit'}`,
    );
    return isRolledBack ? 1 : 2 * orders;
  }
}

const isOneOf = (many: number): boolean => Math.random() * many < 1;
