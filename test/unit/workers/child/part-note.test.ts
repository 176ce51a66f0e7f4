import { expect, test } from 'vitest';
import type { BatchEvent } from '../../../../src/handler/event.ts';
import { PartNote } from '../../../../src/workers/child/call/part-note.ts';
import { PartCalls } from '../../../../src/workers/child/tries/part-calls.ts';

test('an error in any characters, half ones too, is noted in such as every encoding of central has', () => {
  const note = new PartNote({
    batch: { token: 1, startTick: 1, endTick: 2, openings: 1 } as never,
    membership: { queue: 'orders', group: 'g', member: 'm' },
    work: 'orders',
    host: 'h1',
    calls: new PartCalls(),
  });
  const error = `${'x'.repeat(298)}😀 it’s \0 broken → \u001b[31m`;
  const event = { id: 7 } as unknown as BatchEvent;
  note.wrote({ putOff: [], dead: [{ event, attempts: 3, error }] as never, recovered: [] });
  const sql = note.sql({ lastEventId: undefined, events: 1, putOff: 0, dead: 1 });
  expect(sql).toMatch(/^[ -~]*$/);
  expect(sql).toContain('"became":"dead"');
});
