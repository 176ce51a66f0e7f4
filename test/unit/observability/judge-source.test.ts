import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { absentReason } from '../../../src/observability/lag/absent-source.ts';
import type { ShardAnswer, StoredLag } from '../../../src/observability/lag/facts.ts';
import { lagOfSource, type NamedSource, needsAsking } from '../../../src/observability/lag/judge-source.ts';
import { answerOf, type BehindRow } from '../../../src/observability/lag/shard-answer.ts';

const wanted: NamedSource = { shard: 's1', queue: 'orders', centralQueue: 'orders', moverHost: 'db01' };
const tick = { id: 7, timeUs: 1_000_000, eventSeq: 100, md5: 'm' };
const stored = (changes: Partial<StoredLag> = {}): StoredLag => ({
  id: 1,
  shard: 's1',
  queue: 'orders',
  centralQueue: 'orders',
  state: 'active',
  haltReason: undefined,
  paused: undefined,
  position: { tick, inside: undefined },
  moved: 3,
  report: { ageSeconds: 1, state: 'idle', reason: undefined, mover: 'db01' },
  figures: { ageSeconds: 1, eventsBehind: 0, isExact: true, secondsBehind: 0 },
  lastTick: 7,
  provider: 'engine',
  holder: 'db01',
  freedAgeSeconds: undefined,
  ...changes,
});
const judged = (one: StoredLag | undefined, answer?: ShardAnswer, of = wanted) =>
  lagOfSource(of, one, { answer, file: 'shards.yaml', hash: 'new', running: [] });

const failed: ShardAnswer = { kind: 'failed', reason: 'Shard s1 refuses connections.' };
const behind = (eventsBehind: number): ShardAnswer => ({
  kind: 'behind',
  ageSeconds: 0,
  eventsBehind,
  isExact: true,
  secondsBehind: eventsBehind,
  lastTick: 9,
  provider: 'engine',
});

describe('observability/lag/judge-source', () => {
  test('a source is moving or idle only by the report of a mover from the last two seconds', () => {
    const age = fc.double({ min: 0, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(
        age,
        fc.option(age, { nil: undefined }),
        fc.constantFrom('moving', 'idle', 'unreachable', 'paused', 'halted', 'unassigned'),
        fc.constantFrom(undefined, failed, behind(0), behind(5)),
        fc.option(age, { nil: undefined }),
        (reportAge, figuresAge, state, answer, freedAgeSeconds) => {
          const one = stored({
            report: { ageSeconds: reportAge, state, reason: undefined, mover: 'db01' },
            figures:
              figuresAge === undefined
                ? undefined
                : { ageSeconds: figuresAge, eventsBehind: 0, isExact: true, secondsBehind: 0 },
            freedAgeSeconds,
          });
          const lag = judged(one, answer);
          const isBelieved =
            reportAge <= 2 && !(freedAgeSeconds !== undefined && freedAgeSeconds < reportAge);
          if (lag.state === 'moving' || lag.state === 'idle') {
            expect(isBelieved).toBe(true);
            expect(answer).not.toBe(failed);
          } else if (lag.state !== state) expect(lag.reason).toMatch(/[.`]$/);
          if (answer === failed) expect(lag.state).toBe('unreachable');
        },
      ),
    );
  });

  test('a shard is asked for a figure that is older than five seconds, never without a position', () => {
    const aged = { ageSeconds: 5.1, eventsBehind: 0, isExact: true, secondsBehind: 0 };
    expect(needsAsking(stored())).toBe(false);
    expect(needsAsking(stored({ figures: aged }))).toBe(true);
    expect(needsAsking(stored({ figures: undefined }))).toBe(true);
    expect(needsAsking(stored({ figures: undefined, position: undefined }))).toBe(false);
    const still = { figures: { ...aged, ageSeconds: 3 } };
    expect(needsAsking(stored(still))).toBe(false);
    expect(needsAsking(stored({ ...still, paused: { reason: undefined, ageSeconds: 9 } }))).toBe(true);
    expect(needsAsking(stored({ ...still, state: 'halted' }))).toBe(true);
    expect(needsAsking(stored({ ...still, report: undefined }))).toBe(true);
    expect(needsAsking(stored({ ...still, report: { ...idle, state: 'unreachable' } }))).toBe(true);
  });

  test('a source that stands still is never shown at 0, nor younger than it is, from an old figure', () => {
    const figures = { ageSeconds: 9.7, eventsBehind: 0, isExact: true, secondsBehind: 0 };
    const paused = { reason: undefined, ageSeconds: 9 };
    expect(judged(stored({ figures, paused }), failed)).toMatchObject({
      state: 'paused',
      eventsBehind: undefined,
      secondsBehind: undefined,
      ageSeconds: 9.7,
    });
    expect(judged(stored({ figures, paused }), behind(0))).toMatchObject({ eventsBehind: 0 });
    expect(
      judged(stored({ figures: { ...figures, eventsBehind: 4, secondsBehind: 2 } }), failed),
    ).toMatchObject({
      state: 'unreachable',
      eventsBehind: 4,
      isExact: false,
      secondsBehind: 11.7,
    });
  });

  test('where nobody moves a source, what waits there is older by the age of the answer', () => {
    const answer = { ...behind(5), ageSeconds: 1.5 };
    expect(judged(stored({ report: undefined }), answer)).toMatchObject({
      eventsBehind: 5,
      secondsBehind: 6.5,
    });
    expect(judged(stored(), answer)).toMatchObject({ state: 'moving', secondsBehind: 5 });
  });

  test('a shard that does not answer keeps the last figures with their age', () => {
    const figures = { ageSeconds: 44, eventsBehind: 9, isExact: false, secondsBehind: 3 };
    const lag = judged(stored({ figures, report: { ...idle, ageSeconds: 50 } }), failed);
    expect(lag).toMatchObject({
      state: 'unreachable',
      reason: failed.reason,
      eventsBehind: 9,
      ageSeconds: 44,
    });
  });

  test('for a shard that only the mover reaches both answers are shown', () => {
    expect(judged(stored(), failed)).toMatchObject({
      state: 'unreachable',
      reason: 'Shard s1 refuses connections. The mover on host db01 saw it 1 s ago.',
    });
  });

  test('paused and halted come from central, whatever the mover or the shard report', () => {
    const paused = { reason: 'deploy.', ageSeconds: 125 };
    expect(judged(stored({ paused }))).toMatchObject({
      state: 'paused',
      reason: 'Paused 2 m 5 s ago: deploy. `tributary resume --shard s1 --queue orders` lets it go on.',
    });
    expect(judged(stored({ paused, report: undefined }), failed).reason).toMatch(
      /lets it go on\. Shard s1 refuses/,
    );
    expect(judged(stored({ paused, state: 'halted', haltReason: 'It went back.' }), behind(4))).toMatchObject(
      {
        state: 'halted',
        reason: 'It went back.',
        eventsBehind: 4,
      },
    );
  });

  test('a source that is halted because its shard went back says so once', () => {
    const haltReason =
      'Source s1:orders is halted: tick 7 is gone. `tributary repair s1:orders --dry-run` shows.';
    const reason = 'Tick 7 does not exist any more.';
    const lost = { kind: 'lost', reason, ageSeconds: 0, lastTick: 6, provider: 'engine' } as const;
    expect(judged(stored({ state: 'halted', haltReason }), lost).reason).toBe(haltReason);
    expect(judged(stored({ state: 'halted', haltReason }), failed).reason).toBe(
      `${haltReason} ${failed.reason}`,
    );
  });

  test('a mover that has not noticed a resume yet is not quoted', () => {
    const report = { ...idle, state: 'paused', reason: 'Paused by an operator.' } as const;
    expect(judged(stored({ report }), behind(4))).toMatchObject({ state: 'moving', reason: undefined });
    expect(judged(stored({ report }), behind(0))).toMatchObject({ state: 'idle', reason: undefined });
  });

  test('a source without a mover says which one to start', () => {
    const silent = { ...idle, ageSeconds: 31 };
    expect(judged(stored({ report: undefined, holder: undefined })).reason).toBe(
      'No mover has moved shard s1 yet: start `tributary mover --host db01`.',
    );
    expect(judged(stored({ report: silent, holder: undefined }))).toMatchObject({
      mover: undefined,
      reason:
        'No mover moves shard s1: the one on host db01 last reported 31 s ago; start `tributary mover --host db01`.',
    });
    expect(judged(stored({ report: silent, holder: 'db02' }))).toMatchObject({
      mover: 'db02',
      reason:
        'The mover on host db02 holds shard s1 and last reported 31 s ago: see its log, or start it again.',
    });
    expect(judged(stored({ holder: undefined, freedAgeSeconds: 0.5 })).reason).toMatch(
      /^No mover moves shard s1 since the one on host db01 let go of it \d s ago: start/,
    );
  });

  test('where any machine may move the shard, none is named', () => {
    const nobody = stored({ report: undefined, holder: undefined });
    expect(judged(nobody, undefined, { ...wanted, moverHost: 'any' }).reason).toBe(
      'No mover has moved shard s1 yet: start `tributary start` or `tributary mover` on any machine.',
    );
  });

  test('a source that needs an install names it', () => {
    expect(judged(undefined).reason).toBe('Source s1:orders is not installed: run `tributary install`.');
    const renamed = { answer: undefined, file: 'shards.yaml', hash: 'new', running: [], renamedTo: 'first' };
    expect(lagOfSource(wanted, undefined, renamed).reason).toBe(
      'Shard s1 was renamed to first: let shards.yaml say `name: first` for it, and start the movers again.',
    );
    expect(judged(stored({ state: 'registering' })).reason).toMatch(/run `tributary install` again/);
    expect(judged(stored({ position: undefined }))).toMatchObject({
      state: 'halted',
      reason: expect.stringMatching(/tributary repair s1:orders --dry-run/),
    });
    expect(judged(stored({ centralQueue: 'other' })).reason).toMatch(
      /feeds central queue other, and shards.yaml says orders/,
    );
    expect(
      judged(stored({ report: undefined }), undefined, { ...wanted, moverHost: undefined }).reason,
    ).toMatch(/is not in shards.yaml/);
  });
});

const idle = { ageSeconds: 1, state: 'idle', reason: undefined, mover: 'db01' } as const;

describe('observability/lag/shard-answer', () => {
  const row = (changes: Partial<BehindRow> = {}): BehindRow => ({
    now_us: 61_000_000,
    last_seq: 100,
    time_us: tick.timeUs,
    event_seq: tick.eventSeq,
    snapshot_md5: tick.md5,
    end_tick: null,
    missing_xids: 0,
    newest_tick: 9,
    oldest_tick_us: null,
    rows: 0,
    oldest_event_us: null,
    ...changes,
  });
  const answer = (changes: Partial<BehindRow> = {}, inside?: { endTickId: number; lastEventId: number }) =>
    answerOf({ tick, inside }, row(changes), { label: 's1:orders', provider: 'engine' });

  test('zero is shown where no row was found, and only there', () => {
    fc.assert(
      fc.property(fc.nat(30_000), fc.nat(10_001), (ahead, rows) => {
        const one = answer({
          last_seq: 100 + ahead,
          rows,
          oldest_event_us: 1_000_000,
          oldest_tick_us: 2_000_000,
        });
        if (one.kind !== 'behind') throw new Error(one.kind);
        expect(one.eventsBehind === 0).toBe(rows === 0);
        if (rows === 0) expect(one).toMatchObject({ isExact: true, secondsBehind: 0 });
        if (one.isExact) expect(one.eventsBehind).toBe(rows);
        else expect(one.eventsBehind).toBeGreaterThanOrEqual(rows);
        expect(one.isExact).toBe(rows <= 10_000);
      }),
    );
  });

  test('seconds are the age of the oldest event, whatever the ticks say; of one from the future, of its tick', () => {
    const first = { rows: 1, last_seq: 101 };
    // One tick after an hour without a mover says nothing about the events in it.
    expect(answer({ ...first, oldest_tick_us: 60_500_000, oldest_event_us: 21_000_000 })).toMatchObject({
      secondsBehind: 40,
    });
    // Ticks of an idle night say nothing about an event of this morning.
    expect(answer({ ...first, oldest_tick_us: 2_000_000, oldest_event_us: 60_000_000 })).toMatchObject({
      secondsBehind: 1,
    });
    expect(answer({ ...first, oldest_event_us: 41_000_000 })).toMatchObject({ secondsBehind: 20 });
    expect(answer({ ...first, oldest_event_us: 99_000_000 })).toMatchObject({ secondsBehind: 0 });
    expect(answer({ ...first, oldest_tick_us: 31_000_000, oldest_event_us: 99_000_000 })).toMatchObject({
      secondsBehind: 30,
    });
    const many = { rows: 10_001, last_seq: 50_000, oldest_tick_us: 2_000_000, oldest_event_us: 3_000_000 };
    expect(answer(many)).toMatchObject({ secondsBehind: 58, isExact: false, eventsBehind: 49_900 });
  });

  test('a position whose tick is gone or another one is lost, and the reason says what to do', () => {
    for (const changes of [{ time_us: null }, { time_us: 5 }, { event_seq: 99 }, { snapshot_md5: 'x' }])
      expect(answer(changes)).toMatchObject({
        kind: 'lost',
        reason: expect.stringMatching(/tributary repair s1:orders --dry-run/),
      });
    expect(answer({}, { endTickId: 8, lastEventId: 120 })).toMatchObject({ kind: 'lost' });
    expect(
      answer({ end_tick: 8, last_seq: 30_000, rows: 10_001 }, { endTickId: 8, lastEventId: 120 }),
    ).toMatchObject({
      kind: 'behind',
      eventsBehind: 29_880,
    });
    expect(answerOf({ tick, inside: undefined }, undefined, { label: 'x', provider: undefined }).kind).toBe(
      'failed',
    );
  });

  test('a source that central does not know was retired, is installed by itself, or has to be installed', () => {
    const absent = (why: Parameters<typeof absentReason>[1]) =>
      lagOfSource(wanted, undefined, { answer: undefined, hash: 'new', running: [], ...why });
    const file = 'shards.yaml';
    const end = { centralQueue: 'orders', at: '2026-11-30T12:00:00Z', by: 'ann@db01', successors: [] };
    expect(absent({ file })).toMatchObject({
      state: 'unassigned',
      reason: 'Source s1:orders is not installed: run `tributary install`.',
      why: { cause: 'not-installed', command: 'tributary install' },
    });
    expect(absent({ file, isInstalledByItself: true }).reason).toBe(
      'Source s1:orders is not installed yet: its mover installs it by itself (`install: auto`), and says in its log why where it cannot.',
    );
    const ended = { ...end, successors: ['s7', 's8'], isQueueAlone: false };
    expect(absent({ file, ended, isInstalledByItself: true })).toMatchObject({
      reason:
        'Source s1:orders was retired at 2026-11-30T12:00:00Z by ann@db01, and s7 and s8 took its place: take its shard out of shards.yaml; to begin it anew, say `start: now` in its entry.',
      why: { cause: 'retired' },
    });
    expect(absent({ file, ended: { ...end, isQueueAlone: true } }).reason).toBe(
      'Source s1:orders was retired at 2026-11-30T12:00:00Z by ann@db01: take it out of `queues:` in shards.yaml; to begin it anew, run `tributary queue add orders --start now`.',
    );
  });
});
