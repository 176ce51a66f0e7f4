// A batch without a database: a transaction that keeps effects in memory, savepoints and all, and a handler that counts.
import { BatchEvent } from '../../../src/handler/event.ts';
import type { CallResult } from '../../../src/workers/child/call/handler-call.ts';
import { OutcomeBook } from '../../../src/workers/child/call/outcomes.ts';
import type { FailureRate } from '../../../src/workers/child/groups/failure-rate.ts';
import type { GroupTools } from '../../../src/workers/child/groups/groups.ts';
import { TextRow } from '../../../src/workers/child/reading/event-rows.ts';

export interface FakeEvent {
  readonly id: number;
  readonly txid?: number;
  readonly retry?: number;
  /** `shard:queue:id` */
  readonly origin?: string;
}

export const givenEvents = (events: readonly FakeEvent[]): BatchEvent[] =>
  events.map(({ id, txid = 1, retry = 0, origin = `s:orders:${id}` }) => {
    const texts = [String(id), '2026-11-21 08:00:00+00', String(txid), String(retry), 'made', String(id)];
    return new BatchEvent(new TextRow([...texts, null, null, null, origin]), {
      queue: 'orders',
      origin: 'extra4',
    });
  });

export interface FakeBatch {
  /** What OneByOne and InHalves need. */
  readonly tools: GroupTools;
  /** Effects in the order in which they were made, each part that was committed by itself. */
  readonly parts: number[][];
  /** Events with which the handler was called. */
  readonly calls: number[][];
  /** Ids of events that were put off or are dead. */
  readonly failed: number[];
  /** The most savepoints that a transaction had. */
  readonly mostSavepoints: number;
  finish(): void;
}

/** The handler writes each event and throws for those that `fails` names. */
export function givenBatch(
  fails: (event: BatchEvent, call: number) => boolean | Error,
  { rate, canCut = true }: { rate?: FailureRate; canCut?: boolean } = {},
): FakeBatch {
  let effects: number[] = [];
  let mark = 0;
  let isWanted = false;
  let savepoints = 0;
  let isMarked = false;
  const book = new OutcomeBook({ attempts: 1, firstMs: 1, maxMs: 1 });
  const fake: { -readonly [key in keyof FakeBatch]: FakeBatch[key] } = {
    parts: [],
    calls: [],
    failed: [],
    mostSavepoints: 0,
    finish() {
      fake.parts.push(effects);
      effects = [];
      savepoints = 0;
      isMarked = false;
      isWanted = false;
      fake.failed.push(...book.take().dead.map(({ event }) => event.id));
    },
    tools: {
      ...(rate === undefined ? {} : { rate }),
      book,
      onFailure: () => {},
      transaction: {
        get savepoints() {
          return savepoints;
        },
        savepoint() {
          isWanted = true;
        },
        async rollBackToSavepoint() {
          if (isWanted || !isMarked) return false;
          effects = effects.slice(0, mark);
          isWanted = true;
          isMarked = false;
          savepoints -= 1;
          return true;
        },
      },
      calls: {
        check: async () => undefined,
        async call(events: readonly BatchEvent[]): Promise<CallResult> {
          fake.calls.push(events.map(({ id }) => id));
          if (isWanted) {
            savepoints += 1;
            fake.mostSavepoints = Math.max(fake.mostSavepoints, savepoints);
            mark = effects.length;
            isMarked = true;
          }
          isWanted = false;
          effects.push(...events.map(({ id }) => id));
          const errors = events.map((event) => fails(event, fake.calls.length)).filter(Boolean);
          if (errors.length === 0) return { ok: true, touched: true };
          return { ok: false, touched: true, error: errors[0] === true ? 'no' : errors[0] };
        },
      },
      ...(canCut ? { cut: async () => fake.finish() } : {}),
    },
  };
  return fake;
}
