import { expect, test } from 'vitest';
import { nextBatchSql } from '../../../src/queue/coop.ts';

test('names are quoted where the hand-out is asked for as text, whatever they hold', () => {
  const sql = nextBatchSql({ queue: "a $2 'b'", group: '$1', member: 'c$3#1' }, { minCount: 5_000 });
  expect(sql).toContain("coop_next_batch('a $2 ''b''', '$1', 'c$3#1', dead_interval => null::float8");
  expect(sql).toContain('min_count => 5000::int4');
  expect(sql).toContain('knows_progress => true, knows_lanes => true)');
});
