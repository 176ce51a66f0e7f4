// What is noted about a batch beside pgq.subscription: what of it is done, attempts at its events, how often it was opened.
import { beforeAll, describe, expect, test } from 'vitest';
import { type CoopBatch, coopHandBack, coopLeave, coopRegister } from '../../src/queue/coop.ts';
import { givenCentral } from '../support/server/central-schema.ts';
import type { TestDatabase } from '../support/server/database.ts';
import { until } from '../support/until.ts';
import {
  coopDropGroup,
  coopFinish,
  coopUnregister,
  type Group,
  givenGroup,
  payloadsOf,
  produce,
  registerGroup,
  rowsOf,
  silence,
  take,
  taken,
} from './coop.ts';
import {
  dataOf,
  eventsOf,
  finish,
  givenQueue,
  insert,
  nextBatch,
  type Queryable,
  scalar,
  tick,
} from './pgq.ts';

let db: TestDatabase;

beforeAll(async () => {
  db = await givenCentral();
});

/** Ours: goes on behind what is done. */
const KNOWING = { knowsProgress: true, deadAfterMs: 60_000 };

/** Notes that the batch is done up to the n-th of its events. */
async function done(group: Group, batch: CoopBatch, n: number): Promise<void> {
  const events = await eventsOf(db, batch.token);
  await db.query('select tributary.narrowing_step($1, $2, $3, $4, $5)', [
    batch.token,
    group.queue,
    group.group,
    [batch.startTick, batch.endTick],
    events[n - 1]?.ev_id,
  ]);
}

const narrowings = ({ queue }: Group) =>
  scalar<number>(db, 'select count(*)::int from tributary.narrowing where central_queue = $1', [queue]);
const attempts = ({ queue }: Group) =>
  db.query('select ev_id from tributary.attempt where central_queue = $1 order by 1', [queue]);

/** What a program that knows only pgq_coop gets and finishes next; undefined: nothing. */
async function foreign(group: Group, member: string, dead: string | null = null) {
  const batch = await scalar<number | null>(db, 'select pgq_coop.next_batch($1, $2, $3, $4::interval)', [
    group.queue,
    group.group,
    member,
    dead,
  ]);
  if (batch === null) return undefined;
  const data = dataOf(await eventsOf(db, batch));
  await scalar(db, 'select pgq_coop.finish_batch($1)', [batch]);
  return data;
}

async function retriesMoved(on: Queryable, { queue }: Group): Promise<void> {
  while ((await scalar<number>(on, 'select pgq.maint_retry_events()')) > 0);
  await tick(on, queue);
}

/** A batch of five events that member `ours` has handled two of, and what it left. */
async function givenHalfDone(queue: string): Promise<Group> {
  const group = await givenGroup(db, queue, ['ours']);
  await produce(db, group, ['1', '2', '3', '4', '5']);
  await done(group, await taken(db, group, 'ours', KNOWING), 2);
  return group;
}

describe('contract/coop progress', () => {
  test.each([
    [
      'whose member was unregistered',
      null,
      (group: Group) => coopUnregister(db, { ...group, member: 'ours' }),
    ],
    ['whose member is silent', '1 minute', () => silence(db, 'g.ours')],
  ])('a batch in parts %s goes to others as what is left of it', async (what, dead, leave) => {
    const group = await givenHalfDone(`half ${what}`);
    await leave(group);
    // Nothing of it is handed out as a batch; the rest comes as events that were put off.
    expect(await foreign(group, 'py', dead)).toBeUndefined();
    expect(await narrowings(group)).toBe(0);
    await retriesMoved(db, group);
    expect(await foreign(group, 'py')).toEqual(['3', '4', '5']);
    expect(await foreign(group, 'py')).toBeUndefined();
    expect((await rowsOf(db, group)).map((row) => row.batch)).not.toContainEqual(expect.any(Number));
  });

  test('what is put back is what it was: its number of retries, its id, its time', async () => {
    const group = await givenHalfDone('as it was');
    const before = await db.query('select ev_id, ev_time, ev_retry from pgq.get_batch_events($1)', [
      (await rowsOf(db, group)).at(-1)?.batch,
    ]);
    await coopUnregister(db, { ...group, member: 'ours' });
    await foreign(group, 'py');
    await retriesMoved(db, group);
    const batch = await scalar<number>(db, 'select pgq_coop.next_batch($1, $2, $3)', [
      group.queue,
      'g',
      'py',
    ]);
    expect(await db.query('select ev_id, ev_time, ev_retry from pgq.get_batch_events($1)', [batch])).toEqual(
      before.slice(2),
    );
  });

  test('a member that asks for its own batch without knowing of progress gets the rest as well', async () => {
    const group = await givenHalfDone('its own');
    expect(await foreign(group, 'ours')).toBeUndefined();
    await retriesMoved(db, group);
    expect(await foreign(group, 'ours')).toEqual(['3', '4', '5']);
  });

  test('a member that knows of progress gets the batch itself, and goes on behind what is done', async () => {
    const group = await givenHalfDone('knowing');
    await coopUnregister(db, { ...group, member: 'ours' });
    const batch = await taken(db, group, 'other', KNOWING);
    expect(batch).toMatchObject({ takenOverFrom: 'ours', openings: 2 });
    expect(await payloadsOf(db, batch)).toEqual(['1', '2', '3', '4', '5']);
    expect(await narrowings(group)).toBe(1);
    await coopFinish(db, batch.token);
    expect(await narrowings(group)).toBe(0);
  });

  test('a batch of which nothing is done is handed to any member as it is, also where workers died of it', async () => {
    const group = await givenGroup(db, 'untouched', ['ours']);
    await produce(db, group, ['1', '2']);
    const { startTick, endTick } = await taken(db, group, 'ours', KNOWING);
    await db.query(
      "insert into tributary.narrowing (central_queue, group_name, start_tick, end_tick) values ('untouched', 'g', $1, $2)",
      [startTick, endTick],
    );
    await coopUnregister(db, { ...group, member: 'ours' });
    expect(await foreign(group, 'py')).toEqual(['1', '2']);
    expect(await narrowings(group)).toBe(0);
  });

  test('an event whose id waits already when the rest is put back is kept as a dead event', async () => {
    const group = await givenHalfDone('twice');
    const batch = (await rowsOf(db, group)).at(-1)?.batch ?? null;
    const [, , third] = await eventsOf(db, batch);
    await db.query(
      "select pgq.event_retry_raw('twice', 'g', now(), $1, now(), 1, 't', 'other', '', '', '', '')",
      [third?.ev_id],
    );
    await coopUnregister(db, { ...group, member: 'ours' });
    expect(await foreign(group, 'py')).toBeUndefined();
    const dead = await db.query(
      "select kind, ev_data from tributary.dead_event where central_queue = 'twice'",
    );
    expect(dead).toEqual([{ kind: 'conflict', ev_data: '3' }]);
    await retriesMoved(db, group);
    expect((await foreign(group, 'py'))?.sort()).toEqual(['4', '5', 'other']);
  });

  test('attempts at an event go when another program has handled it, and stay while the event waits', async () => {
    const group = await givenGroup(db, 'attempts', ['ours']);
    await produce(db, group, ['1', '2']);
    const batch = await taken(db, group, 'ours', KNOWING);
    const events = await eventsOf(db, batch.token);
    const putOff = events.map(({ ev_id, ev_time, ev_data }, at) => ({
      ...{
        id: ev_id,
        time: ev_time,
        retry: 1,
        type: 't',
        data: ev_data,
        origin: 'o',
        attempts: 1,
        error: 'no',
      },
      after_ms: at === 0 ? 0 : 3_600_000,
    }));
    await db.query('select tributary.put_off($1, $2, $3)', ['attempts', 'g', JSON.stringify(putOff)]);
    await coopFinish(db, batch.token);
    await retriesMoved(db, group);
    expect(await foreign(group, 'py')).toEqual(['1']);
    expect(await attempts(group)).toEqual([{ ev_id: events[1]?.ev_id }]);
  });

  test('after a position is moved back, nothing that was noted the first time counts', async () => {
    const group = await givenGroup(db, 'replayed', ['ours']);
    await produce(db, group, ['1', '2', '3']);
    const batch = await taken(db, group, 'ours', KNOWING);
    await done(group, batch, 2);
    // Ended by a program that knows nothing of groups: the notes stay.
    await finish(db, batch.token);
    expect(await take(db, group, 'ours', KNOWING)).toBeUndefined();
    await db.query('select pgq.register_consumer_at($1, $2, $3)', ['replayed', 'g', batch.startTick]);
    const again = await taken(db, group, 'ours', KNOWING);
    expect(again).toMatchObject({ startTick: batch.startTick, endTick: batch.endTick, openings: 1 });
    expect(await narrowings(group)).toBe(0);
    expect((await taken(db, group, 'ours', KNOWING)).openings).toBe(2);
  });

  test('dropping a group deletes what is noted about it', async () => {
    const group = await givenHalfDone('dropped notes');
    await coopDropGroup(db, { ...group, force: true });
    expect(await narrowings(group)).toBe(0);
  });
});

describe('contract/coop handing back', () => {
  test('a batch that is handed back does not count as opened, and no slice of it counts as being at work', async () => {
    const group = await givenGroup(db, 'handed back', ['ours']);
    await produce(db, group, ['1']);
    for (let round = 0; round < 4; round++) {
      const batch = await taken(db, group, 'ours', KNOWING);
      expect(batch.openings).toBeLessThanOrEqual(2);
      const ticks = [batch.startTick, batch.endTick];
      await db.query('select tributary.narrowing_open($1, $2, $3, $4)', [group.queue, 'g', ...ticks]);
      await db.query('select tributary.narrowing_mark($1, $2, $3, $4, $5)', [
        group.queue,
        'g',
        ticks,
        [1, 1],
        1,
      ]);
      expect(await coopHandBack(db, batch.token)).toBe(true);
      const [row] = await db.query(
        "select running_events from tributary.narrowing where central_queue = 'handed back'",
      );
      expect(row?.running_events).toBeNull();
    }
  });

  test('a frozen process that continues cannot hand back a batch that went to another', async () => {
    const group = await givenGroup(db, 'thawed', ['slot', 'other']);
    await produce(db, group, ['1']);
    const old = await taken(db, group, 'slot', KNOWING);
    const mine = await taken(db, group, 'slot', KNOWING);
    expect(await coopLeave(db, { ...group, member: 'slot' }, old.token)).toBe(false);
    expect(await coopLeave(db, { ...group, member: 'slot' }, undefined)).toBe(false);
    expect(await take(db, group, 'other', KNOWING)).toBeUndefined();
    // Its own batch it leaves to the others.
    expect(await coopLeave(db, { ...group, member: 'slot' }, mine.token)).toBe(true);
    expect(await taken(db, group, 'other', KNOWING)).toMatchObject({ takenOverFrom: 'slot' });
    expect(await coopLeave(db, { ...group, member: 'other' }, undefined)).toBe(false);
  });

  test('taking over a batch with a small id of PgQ’s own ends no backend that holds an advisory lock on that number', async () => {
    const group = await givenGroup(db, 'small', ['a', 'b']);
    await produce(db, group, ['1'], ['2']);
    const small = (await nextBatch(db, 'small', 'g')) as number;
    expect(small).toBeLessThan(1e15);
    const bystander = await db.connect();
    await bystander.query('select pg_advisory_lock($1)', [small]);
    await taken(db, group, 'a', KNOWING);
    await silence(db, `g.%batch ${small}`);
    expect((await taken(db, group, 'b', KNOWING)).takenOverFrom).toBeDefined();
    expect(await scalar(bystander, 'select 1')).toBe(1);
  });

  test('only install makes the group of the workers', async () => {
    await givenQueue(db, 'guarded');
    await db.query("insert into tributary.identity (name) values ('shop') on conflict do nothing");
    const name = await scalar<string>(db, 'select name from tributary.identity');
    const group = { queue: 'guarded', group: `workers_${name}` };
    const sentence = `Queue guarded has no group ${group.group}: \`tributary install\` registers it`;
    await insert(db, 'guarded', '1');
    await expect(foreign(group, 'py')).rejects.toThrow(sentence);
    await expect(
      db.query('select pgq_coop.register_subconsumer($1, $2, $3)', [group.queue, group.group, 'py']),
    ).rejects.toThrow(sentence);
    await expect(coopRegister(db, { ...group, member: 'ours' })).rejects.toThrow(sentence);
    await registerGroup(db, group);
    expect(await coopRegister(db, { ...group, member: 'ours' })).toBe(true);
    await until(async () => (await foreign(group, 'py')) === undefined, {
      what: 'a foreign member that may ask',
    });
  });
});

describe('contract/coop deaths', () => {
  const TICKS = [1, 2] as const;
  const open = async (queue: string, death: readonly number[] | null = null, isCertain = true) => {
    const [row] = await db.query('select * from tributary.narrowing_open($1, $2, $3, $4, $5, $6)', [
      ...[queue, 'g', ...TICKS, death, isCertain],
    ]);
    return row ?? {};
  };
  const mark = (queue: string, first: number, last: number, events: number) =>
    db.query('select tributary.narrowing_mark($1, $2, $3, $4, $5)', [
      queue,
      'g',
      TICKS,
      [first, last],
      events,
    ]);
  const nobody = { suspect_first: null, suspect_events: null, deaths: null };
  /** Token, and the call that the worker died in. */
  const death = (token: number, first: number, last = first, events = last - first + 1) => [
    token,
    first,
    last,
    events,
  ];

  test('a call whose end is not known never makes an event dead, however often it happens', async () => {
    await open('unseen');
    for (let round = 0; round < 10; round++) {
      await mark('unseen', 5, 5, 1);
      expect(await open('unseen')).toMatchObject(nobody);
    }
  });

  test('a death that was seen makes its call suspect, and counts for the slice that it happened in', async () => {
    expect(await open('seen', death(101, 5))).toMatchObject({
      suspect_first: 5,
      suspect_events: 1,
      deaths: 0,
    });
    await mark('seen', 5, 5, 1);
    expect(await open('seen', death(102, 5))).toMatchObject({ suspect_first: 5, deaths: 1, kills: 0 });
    await mark('seen', 5, 5, 1);
    expect(await open('seen', death(103, 5), false)).toMatchObject({ suspect_first: 5, deaths: 1, kills: 1 });
    await mark('seen', 5, 5, 1);
    expect(await open('seen', death(104, 5))).toMatchObject({ suspect_first: 5, deaths: 2, kills: 1 });
  });

  test('each death counts once, also where it is reported again; ends that were not seen change nothing in between', async () => {
    await open('once', death(101, 5));
    await mark('once', 5, 5, 1);
    const judged = { suspect_first: 5, suspect_last: 5, suspect_events: 1, deaths: 1, kills: 0 };
    expect(await open('once', death(102, 5))).toMatchObject(judged);
    expect(await open('once', death(102, 5))).toMatchObject(judged);
    await mark('once', 5, 5, 1);
    expect(await open('once', death(102, 5))).toMatchObject(judged);
    expect(await open('once')).toMatchObject(judged);
  });

  test('a slice that killed its worker as a whole is narrowed down; a suspect call inside it replaces it', async () => {
    await open('narrower');
    await mark('narrower', 1, 64, 64);
    // Nothing is recorded: all that is known is the slice.
    expect(await open('narrower', [101, 0, 0, 0])).toMatchObject({ suspect_last: 64, deaths: 1 });
    await mark('narrower', 1, 64, 64);
    expect(await open('narrower', death(102, 9))).toMatchObject({
      suspect_first: 9,
      suspect_last: 9,
      deaths: 0,
    });
    await mark('narrower', 9, 9, 1);
    expect(await open('narrower', death(103, 9))).toMatchObject({ suspect_first: 9, deaths: 1 });
  });

  test('an event that turns out to be handled is no longer suspect', async () => {
    const group = await givenGroup(db, 'passed', ['ours']);
    await produce(db, group, ['1', '2', '3']);
    const batch = await taken(db, group, 'ours', KNOWING);
    const [first, second] = await eventsOf(db, batch.token);
    const ticks = [batch.startTick, batch.endTick];
    const id = first?.ev_id ?? 0;
    const reopen = async (one: readonly number[] | null) =>
      (
        await db.query('select * from tributary.narrowing_open($1, $2, $3, $4, $5)', [
          'passed',
          'g',
          ...ticks,
          one,
        ])
      )[0];
    expect(await reopen(death(101, id))).toMatchObject({ suspect_first: id });
    await done(group, batch, 1);
    expect(await reopen(null)).toMatchObject({ ...nobody, last_event_id: id });
    // Nor is it when a death in it is told of late.
    expect(await reopen(death(102, id))).toMatchObject(nobody);
    expect(await reopen(death(103, second?.ev_id ?? 0))).toMatchObject({ suspect_first: second?.ev_id });
    await coopFinish(db, batch.token);
  });
});
