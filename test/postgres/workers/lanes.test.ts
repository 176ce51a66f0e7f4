// Lanes: random histories of members that take, finish, put off and die, of lanes that come and go, against what must hold: events
// with one key one after another, never two at once, each handled once.
import { describe, expect, test } from 'vitest';
import { type CoopBatch, coopExpire, coopNextBatch, coopOpenBatches } from '../../../src/queue/coop.ts';
import { type Random, randomFrom } from '../../support/random.ts';
import { GROUP, givenWorkerCentral, type WorkerCentral } from '../../support/workers/worker-central.ts';

const MEMBERS = ['m1', 'm2', 'm3', 'm4'];
const KEYS = ['a', 'b', 'c', 'd', 'e', null];
/** The same, said in two ways. */
const SAID = ['ev_extra1', "(ev_data::json ->> 'key') || ''"];
const SEEDS = Array.from({ length: 8 }, (_, at) => at + 1);
const STEPS = 120;
/** Of one key, at once: more than go into a fair batch. */
const FLOOD = 150;
/** Of tributary.lane_share. */
const SHARE = 100;

interface Row {
  readonly ev_id: number;
  readonly ev_time: string;
  readonly ev_retry: number | null;
  readonly ev_type: string;
  readonly ev_data: string;
  readonly ev_extra1: string | null;
}

interface Made {
  readonly n: number;
  readonly key: string | null;
  state: 'waits' | 'open' | 'put-off' | 'handled';
}

class History {
  readonly #central: WorkerCentral;
  readonly #queue: string;
  readonly #random: Random;
  readonly #made = new Map<number, Made>();
  readonly #open = new Map<string, { readonly batch: CoopBatch; readonly rows: readonly Row[] }>();
  readonly told: string[] = [];
  #isFair = false;
  #perKey: number | null = null;

  constructor(central: WorkerCentral, queue: string, random: Random) {
    this.#central = central;
    this.#queue = queue;
    this.#random = random;
  }

  async run(): Promise<void> {
    await this.#lanes(3);
    for (let step = 0; step < STEPS; step++) await this.#step();
    this.#perKey = null;
    for (let rounds = 0; [...this.#made.values()].some(({ state }) => state !== 'handled'); rounds++) {
      expect(rounds, 'rounds until all is handled').toBeLessThan(200);
      await this.#central.tick(this.#queue);
      await this.#time();
      for (const member of MEMBERS) {
        await this.#take(member);
        await this.#finish(member, { isAll: true });
      }
    }
  }

  async #step(): Promise<void> {
    const random = this.#random;
    const member = random.pick(MEMBERS);
    const choice = random.below(22);
    if (choice < 4) await this.#produce();
    else if (choice < 8) await this.#central.tick(this.#queue);
    else if (choice < 13) await this.#take(member);
    else if (choice < 17) await this.#finish(member);
    else if (choice === 17) await this.#die(member);
    else if (choice === 18) await this.#lanes(random.below(6));
    else if (choice === 19) await this.#time();
    else if (choice === 20) await this.#flood();
    else await this.#central.query('select tributary.lane_follow()');
  }

  async #produce(): Promise<void> {
    for (let more = 1 + this.#random.below(6); more > 0; more--) {
      const [n, key] = [this.#made.size + 1, this.#random.pick(KEYS)];
      this.#made.set(n, { n, key, state: 'waits' });
      const data = JSON.stringify({ n, ...(key !== null && { key }) });
      await this.#central.query("select pgq.insert_event($1, 'made', $2, $3, null, null, null)", [
        this.#queue,
        data,
        key,
      ]);
    }
    this.told.push(`made up to ${this.#made.size}`);
  }

  async #flood(): Promise<void> {
    const key = this.#random.pick(['a', 'b']);
    const from = this.#made.size + 1;
    for (let n = from; n < from + FLOOD; n++) this.#made.set(n, { n, key, state: 'waits' });
    await this.#central.query(
      `select count(pgq.insert_event($1, 'made', json_build_object('n', n, 'key', $2::text)::text, $2, null, null, null))
       from generate_series($3::int, $4::int) n`,
      [this.#queue, key, from, from + FLOOD - 1],
    );
    this.told.push(`flooded by ${key} up to ${this.#made.size}`);
  }

  async #lanes(count: number): Promise<void> {
    this.#isFair = this.#random.oneIn(2);
    this.#perKey = this.#random.pick([null, null, 8]);
    this.told.push(`${count} lanes${this.#isFair ? ', fair' : ''}, ${this.#perKey} a second of a key`);
    await this.#central.query('select tributary.lanes_set($1, $2, $3, $4, false, $5, $6)', [
      ...[this.#queue, GROUP, count === 0 ? null : this.#random.pick(SAID), count],
      ...[this.#isFair, this.#perKey],
    ]);
  }

  /** Ten seconds pass, for keys that wait for their rate. */
  async #time(): Promise<void> {
    const earlier = "- interval '10 seconds'";
    await this.#central.query(`update tributary.key_rate set used_until = used_until ${earlier}`);
    await this.#central.query(`update tributary.paused_key set next_at = next_at ${earlier}`);
  }

  async #take(member: string): Promise<void> {
    if (this.#open.has(member)) return;
    const batch = await coopNextBatch(this.#central, {
      ...{ queue: this.#queue, group: GROUP, member, knowsProgress: true },
      minCount: this.#random.pick([1, 3, 100]),
    });
    if (batch === undefined) return;
    const { token, lane, startTick, endTick } = batch;
    for (const [other, { batch: old }] of this.#open) if (old.token === token) this.#open.delete(other);
    const rows = await this.#central.query<Row>(
      lane === undefined
        ? 'select * from pgq.get_batch_events($1)'
        : 'select * from tributary.lane_events($1)',
      [token],
    );
    const ns = rows.map(numberOf);
    this.told.push(`${member} takes ${ns} of lane ${lane}, ticks ${startTick} to ${endTick}`);
    const own = new Set(ns);
    const behind = [...this.#made.values()].filter(
      ({ n, state }) => (state === 'waits' || state === 'open') && !own.has(n),
    );
    for (const n of ns) {
      const event = this.#made.get(n) as Made;
      expect(event.state, `${n} is handed out again`).not.toBe('handled');
      // What has no key, and what a group without lanes gets, is behind nothing.
      if (event.key === null || lane === undefined) continue;
      const before = behind.filter((one) => one.key === event.key && one.n < n);
      expect(
        before.map((one) => one.n),
        `in front of ${n}`,
      ).toEqual([]);
    }
    const keys = new Set(ns.map((n) => this.#made.get(n)?.key));
    for (const { batch: other, rows: theirs } of this.#open.values())
      if (lane !== undefined || other.lane !== undefined)
        expect(theirs.map((row) => row.ev_extra1).filter((key) => key !== null && keys.has(key))).toEqual([]);
    const most = Math.min(
      this.#isFair ? SHARE : Infinity,
      this.#perKey === null ? Infinity : 2 * this.#perKey,
    );
    // A batch that is handed out again is what it was; an event that failed before may come on top.
    if (lane !== undefined && batch.openings === 1)
      for (const key of keys)
        expect(
          rows.filter((row) => row.ev_extra1 === key && key !== null && !row.ev_retry).length,
        ).toBeLessThanOrEqual(most);
    for (const n of ns) (this.#made.get(n) as Made).state = 'open';
    this.#open.set(member, { batch, rows });
  }

  async #finish(member: string, { isAll = false } = {}): Promise<void> {
    const open = this.#open.get(member);
    if (open === undefined) return;
    const failed = isAll ? [] : open.rows.filter(() => this.#random.oneIn(6));
    if (failed.length > 0)
      await this.#central.query('select tributary.put_off($1, $2, $3)', [
        this.#queue,
        GROUP,
        JSON.stringify(
          failed.map((row) => ({
            ...{ id: row.ev_id, time: row.ev_time, retry: (row.ev_retry ?? 0) + 1, type: row.ev_type },
            ...{ data: row.ev_data, extra1: row.ev_extra1, origin: 'o', after_ms: 0, attempts: 1 },
          })),
        ),
      ]);
    await this.#central.query('select tributary.coop_finish_batch($1)', [open.batch.token]);
    for (const row of open.rows)
      (this.#made.get(numberOf(row)) as Made).state = failed.includes(row) ? 'put-off' : 'handled';
    this.told.push(`${member} is done but for ${failed.map(numberOf)}`);
    this.#open.delete(member);
  }

  /** Its batch comes to it again, or to any other. */
  async #die(member: string): Promise<void> {
    const open = this.#open.get(member);
    if (open === undefined) return;
    this.told.push(`${member} dies`);
    for (const row of open.rows) (this.#made.get(numberOf(row)) as Made).state = 'waits';
    this.#open.delete(member);
    if (this.#random.oneIn(2)) return;
    const batches = await coopOpenBatches(this.#central, { queues: [this.#queue], group: GROUP });
    for (const batch of batches)
      if (batch.token === open.batch.token) expect(await coopExpire(this.#central, batch)).toBe(true);
  }
}

const numberOf = ({ ev_data }: Row): number => (JSON.parse(ev_data) as { n: number }).n;

describe('lanes', () => {
  test('events with one key are handled one after another, never two at once, each once, whatever dies and however many lanes there are', async () => {
    const queues = SEEDS.map((seed) => `orders_${seed}`);
    const central = await givenWorkerCentral(queues);
    for (const [at, queue] of queues.entries()) {
      const history = new History(central, queue, randomFrom(SEEDS[at]));
      await history.run().catch((error: Error) => {
        throw new Error(`Seed ${SEEDS[at]}: ${error.message}\n${history.told.slice(-40).join('\n')}`);
      });
    }
  });
});
