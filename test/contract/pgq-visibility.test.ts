// Random schedules: producers that commit, roll back, take savepoints and prepare, with ticks, rotations and consumers
// between any two of their steps. The oracle is the list of payloads whose transaction was committed.
import { beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from '../../src/postgres/connection.ts';
import { givenDatabase, provider, type TestDatabase } from '../support/server/database.ts';
import { givenServer } from '../support/server/server.ts';
import { dataOf, eventsOf, finish, givenQueue, nextBatch, rotate, scalar, tick } from './pgq.ts';

const SCHEDULES = Number(process.env.TRIBUTARY_VISIBILITY_SCHEDULES ?? 6);
const SEED = Number(process.env.TRIBUTARY_VISIBILITY_SEED ?? Math.floor(Math.random() * 2 ** 31));
const PRODUCERS = 5;
const STEPS = 220;

let db: TestDatabase;

beforeAll(async () => {
  // Of our own: a transaction that is open anywhere on a server holds its rotations up.
  db = await givenDatabase({ server: await givenServer() });
});

/** mulberry32: small, and the same numbers everywhere for a seed. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One producing session. `pending` is what its transaction holds, a list for each savepoint that is open. */
interface Producer {
  readonly connection: Connection;
  pending: string[][] | undefined;
  table: string | undefined;
}

class Schedule {
  readonly committed = new Set<string>();
  readonly got = new Map<string, string[]>([
    ['steady', []],
    ['crashing', []],
    ['lazy', []],
  ]);
  readonly #queue: string;
  readonly #random: () => number;
  readonly #producers: readonly Producer[];
  readonly #prepared = new Map<string, string[]>();
  #made = 0;

  constructor(queue: string, random: () => number, producers: readonly Producer[]) {
    this.#queue = queue;
    this.#random = random;
    this.#producers = producers;
  }

  async run(): Promise<void> {
    await givenQueue(db, this.#queue, { consumers: [...this.got.keys()] });
    for (let step = 0; step < STEPS; step += 1) await this.#step();
    for (const producer of this.#producers) if (producer.pending) await this.#end(producer, 'commit');
    for (const name of [...this.#prepared.keys()]) await this.#endPrepared(name, true);
    await tick(db, this.#queue);
    for (const consumer of this.got.keys())
      while (await this.#consume(consumer, false)) await rotate(db, this.#queue);
  }

  async #step(): Promise<void> {
    const chance = this.#random();
    if (chance < 0.62) return this.#produce(this.#pick(this.#producers));
    if (chance < 0.74) return void (await tick(db, this.#queue));
    if (chance < 0.82) return void (await rotate(db, this.#queue));
    if (chance < 0.85) return this.#endAnyPrepared();
    if (chance < 0.93) return void (await this.#consume('steady', false));
    if (chance < 0.96) return void (await this.#consume('crashing', this.#random() < 0.5));
    if (chance < 0.98) return void (await this.#consume('lazy', false));
    return this.#rotateTwice();
  }

  /** All pass everything twice, with a rotation each: whoever asked for a table before is two switches behind. */
  async #rotateTwice(): Promise<void> {
    for (const _ of [1, 2]) {
      await tick(db, this.#queue);
      for (const consumer of this.got.keys()) while (await this.#consume(consumer, false));
      await rotate(db, this.#queue);
    }
  }

  async #produce(producer: Producer): Promise<void> {
    const { connection } = producer;
    if (producer.pending === undefined) {
      // Our engine holds for snapshots that a rotation overtook, and for tables asked for long before they are used.
      const old = provider() === 'engine' && this.#random() < 0.3;
      await connection.query(`begin isolation level ${old ? 'repeatable read' : 'read committed'}`);
      if (old) await connection.query('select count(*) from pgq.queue');
      else if (provider() === 'engine' && this.#random() < 0.3) {
        producer.table = await scalar<string>(connection, 'select pgq.current_event_table($1)', [
          this.#queue,
        ]);
      }
      producer.pending = [[]];
      return;
    }
    const chance = this.#random();
    if (chance < 0.5) return this.#insert(producer, producer.pending);
    if (chance < 0.58) {
      await connection.query(`savepoint s${producer.pending.length}`);
      producer.pending.push([]);
    } else if (chance < 0.68 && producer.pending.length > 1) {
      const lost = this.#random() < 0.5;
      const inner = producer.pending.pop() ?? [];
      await connection.query(`${lost ? 'rollback to' : 'release'} s${producer.pending.length}`);
      if (!lost) producer.pending.at(-1)?.push(...inner);
    } else if (chance < 0.88) await this.#end(producer, 'commit');
    else if (chance < 0.94) await this.#end(producer, 'rollback');
    else await this.#prepare(producer);
  }

  async #insert({ connection, table }: Producer, pending: string[][]): Promise<void> {
    const data = this.#name();
    if (table === undefined) {
      await connection.query("select pgq.insert_event($1, 'random', $2)", [this.#queue, data]);
    } else {
      await connection.query(
        `insert into ${table} (ev_time, ev_type, ev_data) values (now(), 'random', $1)`,
        [data],
      );
    }
    pending.at(-1)?.push(data);
  }

  async #end(producer: Producer, how: 'commit' | 'rollback'): Promise<void> {
    await producer.connection.query(how);
    if (how === 'commit') for (const data of producer.pending?.flat() ?? []) this.committed.add(data);
    producer.pending = undefined;
    producer.table = undefined;
  }

  async #prepare(producer: Producer): Promise<void> {
    const name = this.#name();
    await producer.connection.query(`prepare transaction '${name}'`);
    this.#prepared.set(name, producer.pending?.flat() ?? []);
    producer.pending = undefined;
    producer.table = undefined;
  }

  async #endAnyPrepared(): Promise<void> {
    const names = [...this.#prepared.keys()];
    if (names.length > 0) await this.#endPrepared(this.#pick(names), this.#random() < 0.7);
  }

  async #endPrepared(name: string, commit: boolean): Promise<void> {
    await db.query(`${commit ? 'commit' : 'rollback'} prepared '${name}'`);
    if (commit) for (const data of this.#prepared.get(name) ?? []) this.committed.add(data);
    this.#prepared.delete(name);
  }

  /** False if there was no batch. A crash after reading leaves the batch open, to be read again. */
  async #consume(consumer: string, crash: boolean): Promise<boolean> {
    const batch = await nextBatch(db, this.#queue, consumer);
    if (batch === null) return false;
    const data = dataOf(await eventsOf(db, batch)) as string[];
    if (crash) return true;
    await finish(db, batch);
    this.got.get(consumer)?.push(...data);
    return true;
  }

  #name(): string {
    this.#made += 1;
    return `${this.#queue} ${this.#made}`;
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)] as T;
  }
}

describe('contract/pgq visibility', () => {
  test(`every committed event comes exactly once to each consumer, and nothing else comes (seed ${SEED})`, async () => {
    const producers: Producer[] = [];
    for (let n = 0; n < PRODUCERS; n += 1) {
      producers.push({ connection: await db.connect(), pending: undefined, table: undefined });
    }
    for (let n = 0; n < SCHEDULES; n += 1) {
      const schedule = new Schedule(`schedule ${n}`, randomFrom(SEED + n), producers.slice(n % PRODUCERS));
      await schedule.run();
      const expected = [...schedule.committed].sort();
      expect(expected.length).toBeGreaterThan(0);
      for (const [consumer, got] of schedule.got) {
        expect([consumer, SEED + n, [...got].sort()]).toEqual([consumer, SEED + n, expected]);
      }
    }
  }, 600_000);
});
