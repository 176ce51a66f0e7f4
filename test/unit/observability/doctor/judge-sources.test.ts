import { describe, expect, test } from 'vitest';
import { CAUSES, type Cause } from '../../../../src/observability/doctor/causes.ts';
import { diagnosesOf } from '../../../../src/observability/doctor/central-doctor.ts';
import type { SourceLag } from '../../../../src/observability/lag/report.ts';

const source = (shard: string, changes: Partial<SourceLag> = {}): SourceLag => ({
  shard,
  queue: 'orders',
  centralQueue: 'orders',
  state: 'moving',
  reason: undefined,
  home: 'db01',
  mover: 'db01',
  eventsBehind: 3,
  isExact: true,
  secondsBehind: 0.4,
  lastTick: 9,
  moved: 100,
  provider: 'engine',
  ageSeconds: 1,
  ...changes,
});

const look = (...sources: SourceLag[]) =>
  diagnosesOf({ at: new Date(0), sources, central: [] }, { queues: [] });

const stopped = (shard: string, cause: Cause, changes: Partial<SourceLag> = {}) =>
  source(shard, { state: 'unassigned', reason: `Why ${shard}.`, why: { cause }, ...changes });

describe('observability/doctor on sources', () => {
  test('sources that move and are not late are no word worth', () => {
    expect(look(source('s1'), source('s2', { state: 'idle', eventsBehind: 0, secondsBehind: 0 }))).toEqual(
      [],
    );
    expect(look(source('s1', { secondsBehind: 60 }))).toEqual([]);
  });

  test('a sentence about a shard is not said to be about its sources once more', () => {
    const of = (shard: string, queue: string) =>
      stopped(shard, 'shard-away', { queue, reason: `Shard ${shard} refuses connections.` });
    expect(look(of('s1', 'orders'), of('s1', 'emails'))).toMatchObject([
      { sentence: 'Shard s1 refuses connections.' },
    ]);
    expect(look(of('s1', 'orders'), of('s2', 'orders'))).toMatchObject([
      { sentence: '2 sources of 2 shards: Shard s1 refuses connections.' },
    ]);
  });

  test('256 shards of 16 hosts without a mover are one diagnosis a host, with what starts it', () => {
    const all = Array.from({ length: 256 }, (_, n) => {
      const home = `db${n % 16}`;
      const why = {
        cause: 'no-mover',
        remedy: `start \`tributary mover --host ${home}\``,
        command: `tributary mover --host ${home}`,
      };
      return ['orders', 'emails'].map((queue) =>
        stopped(`app_${n}`, 'no-mover', { home, why, queue, secondsBehind: n, eventsBehind: 2 }),
      );
    });
    const found = look(...all.flat());
    expect(found).toHaveLength(16);
    expect(found[0]).toMatchObject({
      cause: 'no-mover',
      severity: 'broken',
      sentence: '32 sources of 16 shards are not moved: no mover runs for host db0.',
      evidence: ['64 events wait', 'the oldest for 4 m'],
      remedy: 'Start `tributary mover --host db0`.',
      command: 'tributary mover --host db0',
    });
    expect(found[0]?.names).toHaveLength(32);
  });

  test('who paused since when and why, and the shortest command that resumes just these', () => {
    const paused = (shard: string, by: string, queue = 'orders', changes: Partial<SourceLag> = {}) =>
      source(shard, {
        ...{ queue, state: 'paused', reason: 'Paused.', stateSeconds: 3_700, secondsBehind: 2 },
        why: { cause: 'paused', paused: { by, reason: 'the printer burns.' } },
        ...changes,
      });
    expect(look(paused('s1', 'anna@db01'))).toMatchObject([
      {
        ...{ cause: 'paused', severity: 'risk', names: ['s1:orders'] },
        sentence: 'Source s1:orders is paused for 1 h 1 m by anna@db01: the printer burns.',
        command: 'tributary resume --shard s1 --queue orders',
      },
    ]);
    const late = { secondsBehind: 61 };
    expect(look(paused('s1', 'anna', 'orders', late))).toMatchObject([{ severity: 'broken' }]);
    for (const [stateSeconds, severity] of [
      [6, 'risk'],
      [61, 'broken'],
    ] as const)
      expect(look(paused('s1', 'anna', 'orders', { secondsBehind: undefined, stateSeconds }))).toMatchObject([
        { severity },
      ]);
    const commands = (...all: SourceLag[]) => look(...all).map(({ command }) => command);
    expect(commands(paused('s1', 'a'), paused('s2', 'a'))).toEqual(['tributary resume --queue orders']);
    expect(commands(paused('s1', 'a'), paused('s2', 'a', 'x', { centralQueue: 'x' }))).toEqual([
      'tributary resume',
    ]);
    const old = paused('s1', 'a', 'orders', { ageSeconds: 600, eventsBehind: 14 });
    expect(look(old)[0]?.evidence).toContain('at least 14 events wait');
    expect(commands(paused('s1', 'a'), paused('s1', 'a', 'emails'), paused('s2', 'b'))).toEqual([
      'tributary resume --shard s1',
      'tributary resume --shard s2 --queue orders',
    ]);
    expect(
      commands(paused('s1', 'a'), paused('s2', 'a'), paused('s1', 'b', 'x', { centralQueue: 'x' })),
    ).toEqual(['tributary resume --queue orders', 'tributary resume --shard s1 --queue x']);
  });

  test('what is late, and what nobody knows', () => {
    expect(look(source('s1', { secondsBehind: 125 }), source('s2', { secondsBehind: 61 }))).toMatchObject([
      {
        ...{ cause: 'moving-late', names: ['s1:orders', 's2:orders'] },
        sentence: '2 sources of 2 shards are moved and late: the oldest event has waited for 2 m 5 s.',
      },
    ]);
    expect(look(source('s1', { ageSeconds: 11 }))).toMatchObject([
      { cause: 'figures-old', evidence: expect.arrayContaining(['last seen 11 s ago']) },
    ]);
  });

  test('a reason whose name is not known, as of a younger mover, is told all the same', () => {
    const other = source('s1', { state: 'unreachable', reason: 'A flood.', why: { cause: 'flood' } });
    expect(look(other)).toMatchObject([{ cause: 'source-fails', sentence: 'A flood.' }]);
  });

  test('the worst is first, by the catalogue', () => {
    const causes = (Object.keys(CAUSES) as Cause[]).filter((cause) => CAUSES[cause].of === 'source');
    const all = causes
      .filter((cause) => !['moving-late', 'figures-old'].includes(cause))
      .map((cause, n) => stopped(`s${n}`, cause, { secondsBehind: 100 }));
    const found = look(...all.toReversed()).map(({ cause }) => cause);
    expect(found).toEqual(causes.filter((cause) => found.includes(cause)));
    expect(found.length).toBeGreaterThan(8);
  });
});
