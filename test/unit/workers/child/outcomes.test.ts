import { describe, expect, test } from 'vitest';
import { BatchEvent } from '../../../../src/handler/event.ts';
import { OutcomeBook } from '../../../../src/workers/child/call/outcomes.ts';
import { writeOutcomes } from '../../../../src/workers/child/call/write-outcomes.ts';
import { Losses } from '../../../../src/workers/child/narrowing/losses.ts';
import { TextRow } from '../../../../src/workers/child/reading/event-rows.ts';
import type { BatchTransaction } from '../../../../src/workers/child/transaction/batch-transaction.ts';

const eventOf = (id: number, characters: number) =>
  new BatchEvent(
    new TextRow([
      String(id),
      '2026-11-21 08:00:00+00',
      '1',
      null,
      'made',
      'x'.repeat(characters),
      null,
      null,
      null,
      null,
    ]),
    { queue: 'orders', origin: 'extra4' },
  );

describe('workers/child/call/write-outcomes', () => {
  test('large events are written some megabytes at a time, each of them once', async () => {
    const book = new OutcomeBook({ attempts: 1, firstMs: 1, maxMs: 1 });
    const events = Array.from({ length: 50 }, (_, at) => eventOf(at + 1, at === 7 ? 20_000_000 : 1_000_000));
    for (const event of events) book.failed(event, new Error('no'));
    expect(book.bytes).toBeGreaterThan(60_000_000);
    const statements: { id: number }[][] = [];
    const query = async (_text: string, values: readonly unknown[]) => {
      const text = values[2] as string;
      const rows = JSON.parse(text) as { id: number }[];
      if (rows.length > 1) expect(text.length).toBeLessThan(9_000_000);
      statements.push(rows);
    };
    await writeOutcomes(
      { query } as unknown as BatchTransaction,
      { queue: 'orders', group: 'g', member: 'm' },
      book.take(),
      { batch: { token: 1, isPausing: false }, lastEventId: undefined },
    );
    expect(statements.flat().map(({ id }) => id)).toEqual(events.map(({ id }) => id));
    expect(book.bytes).toBe(0);
  });
});

describe('workers/child/narrowing/losses', () => {
  const batch = { startTick: 1, endTick: 2 };
  const range = (first: number, last: number) => ({ first, last, events: last - first + 1 });

  test('one lost connection is no evidence; losses at one place narrow the search', () => {
    const losses = new Losses();
    losses.note(batch, range(1, 100), 'a');
    expect(losses.of(batch)).toBeUndefined();
    losses.note(batch, range(50, 200), 'b');
    expect(losses.of(batch)).toMatchObject({ first: 50, last: 100, times: 2, error: 'b' });
    losses.note(batch, range(60, 60), 'c');
    expect(losses.of(batch)).toMatchObject({ first: 60, last: 60, events: 1, times: 3 });
    expect(losses.of({ startTick: 2, endTick: 3 })).toBeUndefined();
  });

  test('losses at different places, or in different batches, are no evidence', () => {
    const losses = new Losses();
    losses.note(batch, range(3, 3), 'a');
    losses.note(batch, range(9, 9), 'b');
    expect(losses.of(batch)).toBeUndefined();
    losses.note({ startTick: 2, endTick: 3 }, range(9, 9), 'c');
    losses.note(batch, range(9, 9), 'd');
    expect(losses.of(batch)).toBeUndefined();
    losses.note(batch, undefined, 'e');
    losses.note(batch, range(9, 9), 'f');
    expect(losses.of(batch)).toMatchObject({ first: 9, times: 2 });
  });

  test('an event that is certain needs no second loss', () => {
    const losses = new Losses();
    losses.note(batch, range(3, 3), 'lost', { error: 'took too long' });
    expect(losses.of(batch)).toMatchObject({ first: 3, error: 'took too long' });
  });
});
