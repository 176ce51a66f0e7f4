// Runs batches with a handler that misbehaves for some events, and checks the result: these events fail alone, with a reason;
// all others are handled once.
import { expect } from 'vitest';
import type { Context, Event, Handler } from '../../../src/handler/contract.ts';
import type { ToPrimary } from '../../../src/workers/protocol.ts';
import { until } from '../until.ts';
import { givenWorker, numbers, type Running } from './child-worker.ts';
import { givenOccasions, MISDEEDS, type Misdeed } from './misdeeds.ts';
import { givenWorkerCentral, type WorkerCentral } from './worker-central.ts';

/** How often an event is tried. */
export const ATTEMPTS = 2;
/** Misdeeds in one batch. */
const AT_ONCE = 9;
export const KINDS = ['event', 'batch', 'free event', 'free batch'] as const;
export type Kind = (typeof KINDS)[number];

/** How the handler treated each event. */
class Diary {
  readonly calls = new Map<number, number>();
  /** Calls that succeeded; they count for handlers without a transaction. */
  readonly ends = new Map<number, number>();

  note(book: Map<number, number>, n: number): void {
    book.set(n, (book.get(n) ?? 0) + 1);
  }
}

type Deeds = ReadonlyMap<number, Misdeed>;

function handlerOf(kind: Kind, deeds: Deeds, diary: Diary): Handler {
  const isFree = kind.startsWith('free');
  const begin = async (event: Event, context: Context) => {
    const { n } = event.json<{ n: number }>();
    diary.note(diary.calls, n);
    if (!isFree) await context.client.query('insert into effect (n) values ($1)', [n]);
    return deeds.get(n);
  };
  const end = (event: Event) => diary.note(diary.ends, event.json<{ n: number }>().n);
  const handler = kind.endsWith('event')
    ? {
        async event(event: Event, context: Context) {
          const deed = await begin(event, context);
          const answer = await deed?.does(event, context);
          end(event);
          return answer;
        },
        ...(isFree ? { transaction: false, concurrency: 4 } : {}),
      }
    : {
        async batch(events: readonly Event[], context: Context) {
          for (const event of events) await (await begin(event, context))?.does(event, context);
          for (const event of events) end(event);
          (events as Event[]).splice(0);
        },
        ...(isFree ? { transaction: false } : {}),
      };
  return handler as unknown as Handler;
}

/** One worker after the other: one whose process a handler has damaged ends after its batch. */
class Post {
  readonly #start: () => Running;
  readonly all: Running[] = [];

  constructor(start: () => Running) {
    this.#start = start;
    this.all.push(start());
  }

  async look(): Promise<void> {
    const last = this.all.at(-1) as Running;
    if (!last.worker.hasOverrun) return;
    await last.stop();
    this.all.push(this.#start());
  }

  async stop(): Promise<void> {
    await this.all.at(-1)?.stop();
  }

  said(...types: ToPrimary['type'][]): readonly ToPrimary[] {
    return this.all.flatMap(({ messages }) => messages).filter(({ type }) => types.includes(type));
  }
}

/** A central database on which the batches are handled. */
export class Course {
  readonly #central: WorkerCentral;
  readonly #kind: Kind;
  #from = 1;

  private constructor(central: WorkerCentral, kind: Kind) {
    this.#central = central;
    this.#kind = kind;
  }

  static async of(kind: Kind): Promise<Course> {
    const central = await givenWorkerCentral(['orders', 'emails']);
    await givenOccasions(central);
    return new Course(central, kind);
  }

  /** Handles `count` events, of which those at the given places misbehave, and asserts the whole result. */
  async run(count: number, chosen: readonly (readonly [number, Misdeed])[]): Promise<Outcome> {
    const kind = this.#kind;
    const from = this.#from;
    this.#from += count;
    const deeds = new Map(chosen.map(([place, deed]) => [from + place - 1, deed]));
    const those = (comes: Misdeed['comes']) =>
      [...deeds].filter(([, deed]) => deed.comes === comes).map(([n]) => n);
    const bad = those('dead').sort((a, b) => a - b);
    const isSure = (n: number) => !those('either').includes(n);
    const good = numbers(count)
      .map((place) => from + place - 1)
      .filter((n) => isSure(n) && !bad.includes(n));
    const names = `${kind}, ${count}: ${[...deeds].map(([n, { name }]) => `${n} ${name}`).join(', ')}`;
    const diary = new Diary();
    await this.#central.produce('orders', count, { from });
    const post = new Post(() =>
      givenWorker(this.#central, handlerOf(kind, deeds, diary), {
        retry: { attempts: ATTEMPTS, firstMs: 10, maxMs: 20 },
        centralQueues: { orders: 'extra4', emails: 'extra4' },
        timeoutMs: 1_000,
      }),
    );
    await until(
      async () => {
        await post.look();
        await this.#central.tick('orders');
        return diary.calls.size === count && (await this.#isSettled(from, bad.length));
      },
      { what: `the end of ${names}`, timeoutMs: 120_000 },
    );
    await post.stop();
    const dead = await this.#dead(from);
    expect(dead.map(({ n }) => n).filter(isSure), names).toEqual(bad);
    for (const { error, kind } of dead)
      expect([error, kind], names).toEqual([expect.stringMatching(/./s), 'handler']);
    // An event that its handler made dead keeps what was written for it.
    const effects = (await this.#central.effects()).filter((n) => n >= from);
    const done = kind.startsWith('free')
      ? [...diary.ends].flatMap(([n, times]) => new Array<number>(times).fill(n)).sort((a, b) => a - b)
      : effects;
    expect(
      done.filter((n) => good.includes(n)),
      names,
    ).toEqual(good);
    expect(effects, names).toEqual([...new Set(effects)]);
    expect(await this.#central.query('select * from tributary.narrowing'), names).toEqual([]);
    return { diary, post, names };
  }

  async #isSettled(from: number, dead: number): Promise<boolean> {
    const rows = await this.#central.query(
      `select 1 from pgq.subscription s join pgq.queue q on q.queue_id = s.sub_queue
        where q.queue_name = 'orders' and s.sub_batch is not null
       union all select 1 from tributary.attempt
       union all select 1 from pgq.retry_queue`,
    );
    return rows.length === 0 && (await this.#dead(from)).length >= dead;
  }

  #dead(from: number): Promise<{ n: number; error: string; kind: string }[]> {
    return this.#central.query(
      `select n, error, kind
         from (select split_part(origin, ':', 3)::int as n, error, kind from tributary.dead_event) d
        where n >= $1 order by n`,
      [from],
    );
  }
}

export interface Outcome {
  readonly diary: Diary;
  readonly post: Post;
  readonly names: string;
}

/** The misdeeds that are possible for a handler of this kind. */
export const possible = (kind: Kind) =>
  MISDEEDS.filter(({ needsClient }) => !(needsClient && kind.startsWith('free')));

/** Each quick misdeed, a few in one batch, so that what one leaves behind is not hidden by the next one. */
export async function eachQuickMisdeed(kind: Kind): Promise<void> {
  const course = await Course.of(kind);
  const quick = possible(kind).filter(({ isSlow }) => !isSlow);
  for (let at = 0; at < quick.length; at += AT_ONCE) {
    const some = quick.slice(at, at + AT_ONCE).map((deed, place) => [2 + place * 3, deed] as const);
    const { post, names } = await course.run(30, some);
    // None of this looks like trouble of central, which would be asked again.
    expect(post.said('gaveUp', 'troubled'), names).toEqual([]);
  }
}

/** Each slow misdeed, among enough events that it has to be searched for between others. */
export async function eachSlowMisdeed(kind: Kind): Promise<void> {
  const course = await Course.of(kind);
  for (const deed of possible(kind).filter(({ isSlow }) => isSlow)) await course.run(5, [[3, deed]]);
}
