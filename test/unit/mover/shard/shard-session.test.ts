import { afterEach, describe, expect, test, vi } from 'vitest';
import type { StoredSource } from '../../../../src/central/positions.ts';
import type { MoverContext } from '../../../../src/mover/context.ts';
import { MemoryBudget } from '../../../../src/mover/limits/memory-budget.ts';
import { RoundLimit } from '../../../../src/mover/limits/round-limit.ts';
import type { MoverOccurrence } from '../../../../src/mover/occurrence.ts';
import { RoundClock } from '../../../../src/mover/shard/round-clock.ts';
import { ShardSession } from '../../../../src/mover/shard/shard-session.ts';
import { Source } from '../../../../src/mover/source/source.ts';
import { FEWEST_TICKS } from '../../../../src/mover/source/window-estimate.ts';
import type { Connection, Row } from '../../../../src/postgres/connection.ts';

const MB = 1024 * 1024;
const TICKS = 1_000;
const MORE_TICKS = 60;
const fingerprint = (id: number) => ({ id, timeUs: id * 1_000_000, eventSeq: id, md5: `m${id}` });

function givenSource({ isInside, tickerMode }: { isInside: boolean; tickerMode: 'auto' | 'never' }): Source {
  const stored: StoredSource = {
    id: 1,
    shard: 's1',
    queue: 'orders',
    centralQueue: 'orders',
    state: 'active',
    haltReason: undefined,
    paused: false,
    pauseReason: undefined,
    // Inside a window that ends far behind the fewest ticks that a round looks at.
    position: {
      tick: fingerprint(1),
      ...(isInside ? { inside: { end: fingerprint(TICKS), lastEventId: 5 } } : {}),
    },
    n: 1,
    moved: 0,
  };
  const reading = { shard: 's1', queue: 'orders', where: undefined, columns: {}, origin: 'extra4' } as const;
  return new Source(stored, { reading, tickerMode });
}

/** A shard behind a pooler, with one queue and many ticks; `asked` is how many of them each round wanted to see. */
function givenShard(newest = { id: TICKS + MORE_TICKS }): {
  connection: Connection;
  asked: number[];
  duringRound: { do: () => void };
} {
  const asked: number[] = [];
  const duringRound = { do: () => {} };
  const see = (text: string): Row[] => {
    const ticks = Number(/"ticks":(\d+)/.exec(text)?.[1]);
    asked.push(ticks);
    duringRound.do();
    return Array.from({ length: Math.min(ticks, newest.id) }, (_, at) => ({
      k: 0,
      now_us: newest.id * 1_000_000,
      external: false,
      ticker_paused: false,
      last_seq: newest.id,
      next_xid: 10,
      tick_id: at + 1,
      time_us: (at + 1) * 1_000_000,
      event_seq: at + 1,
      snapshot: '5:5:',
      oldest_event_us: null,
    }));
  };
  const connection = {
    failed: false,
    isDirect: async () => false,
    script: async (text: string): Promise<Row[][]> => {
      if (text.includes('queue_data_pfx')) {
        const queue = { queue_name: 'orders', queue_id: 1, queue_data_pfx: 'pgq.event_1' };
        return [[{ ...queue, provider: 'engine', snapshot_type: 'txid_snapshot' }]];
      }
      const steps = text.split(';\n');
      return steps.map((step) =>
        step.includes('pg_sequence_last_value') && step.includes('order by r.k') ? see(step) : [],
      );
    },
  };
  return { connection: connection as unknown as Connection, asked, duringRound };
}

async function givenSession(source: Source, connection: Connection) {
  const halts: string[] = [];
  const occurrences: MoverOccurrence[] = [];
  const context = {
    budget: new MemoryBudget(64 * MB, 16 * MB),
    roundLimit: new RoundLimit({ limit: 1, patienceMs: 1_000 }),
    // Whatever is seen, nothing is read.
    gathererOf: () => ({ isHealthy: false, mostFrom: () => Number.POSITIVE_INFINITY }),
    onOccurrence: (occurrence: MoverOccurrence) => occurrences.push(occurrence),
    halt: (_source: Source, { reason }: { reason: string }) => halts.push(reason),
  } as unknown as MoverContext;
  const shard = { name: 's1', schema: 'pgq', ticker: 'never' } as never;
  const session = await ShardSession.open(shard, [source], {
    connection,
    context,
    timed: (round) => round(),
    clock: new RoundClock(),
    onLarge: () => {},
  });
  return { session, halts, occurrences };
}

afterEach(() => {
  vi.useRealTimers();
});

describe('mover/shard/shard-session', () => {
  test('a round reads few ticks of a source that central does not take, and ticks that it does not read halt nothing', async () => {
    const source = givenSource({ isInside: true, tickerMode: 'never' });
    const { connection, asked, duringRound } = givenShard();
    const { session, halts } = await givenSession(source, connection);
    source.sent({ rows: 1 });
    source.sent({ rows: 1 });

    expect((await session.turn([source], 'quick')).backlogged).toEqual([source]);
    // Central takes one while the answer is on its way: the answer is still one about few ticks.
    duringRound.do = () => source.settled({ rows: 1, error: undefined });
    expect((await session.turn([source], 'quick')).backlogged).toEqual([source]);
    expect(source.isReadable).toBe(true);
    expect(asked).toEqual([FEWEST_TICKS, FEWEST_TICKS]);
    expect(halts).toEqual([]);

    duringRound.do = () => {};
    await session.turn([source], 'quick');
    expect(asked.at(-1)).toBeGreaterThan(TICKS);
  });

  test('another ticker of a queue is reported once, when it is found', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const newest = { id: 1 };
    const source = givenSource({ isInside: false, tickerMode: 'auto' });
    const { session, occurrences } = await givenSession(source, givenShard(newest).connection);
    const told: number[] = [];
    for (let turn = 0; turn < 6; turn += 1) {
      vi.advanceTimersByTime(turn === 1 ? 20_000 : 2_000);
      newest.id += turn === 0 ? 0 : 1;
      await session.turn([source], 'quick');
      told.push(occurrences.length);
    }
    // One tick may be a hand at a console, two are a ticker.
    expect(told).toEqual([0, 0, 1, 1, 1, 1]);
    expect(occurrences).toEqual([{ kind: 'foreign-ticker', shard: 's1', queue: 'orders' }]);
  });
});
