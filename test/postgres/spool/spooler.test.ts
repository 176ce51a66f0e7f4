// Delivering a spool: order and places, queues that are missing, a shard that was restored, a copied folder, rights.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseEventLine } from '../../../src/cli/commands/send/event-line.ts';
import { createProducer } from '../../../src/producer.ts';
import { openFolder } from '../../../src/spool/folder.ts';
import { Spooler, type SpoolerOptions, type SpoolOccurrence } from '../../../src/spool/spooler.ts';
import { spoolStatus } from '../../../src/spool/status.ts';
import { givenFolder } from '../../support/files.ts';
import { givenQueue } from '../../support/installation/installation.ts';
import { givenBlackHole } from '../../support/network/black-hole.ts';
import { run } from '../../support/processes/run-cli.ts';
import { givenDatabase, type TestDatabase } from '../../support/server/database.ts';
import { givenRole } from '../../support/server/roles.ts';
import { until } from '../../support/until.ts';

async function givenSpool(queues: readonly string[] = ['orders']) {
  const shard = await givenDatabase();
  for (const queue of queues) await givenQueue(shard, queue);
  const folder = join(givenFolder(), 'spool');
  const open = (segment = '16MB') => createProducer({ spool: { folder, fsync: false, segment } });
  return { shard, folder, open, producer: open() };
}

function spoolerOn(shard: TestDatabase, folder: string, more: Partial<SpoolerOptions> = {}) {
  const occurrences: SpoolOccurrence[] = [];
  const spooler = new Spooler({
    folder,
    spool: openFolder(folder).spool,
    shard: { ...shard.database, name: 'Shard s1', schema: 'pgq' },
    isOnce: true,
    onOccurrence: (occurrence) => occurrences.push(occurrence),
    ...more,
  });
  const noticed = () => occurrences.flatMap((one) => (one.kind === 'noticed' ? [one.sentence] : []));
  return { spooler, occurrences, noticed, once: () => spooler.run(new AbortController().signal) };
}

const dataOn = async (shard: TestDatabase, queue = 1) =>
  (await shard.query<{ ev_data: string }>(`select ev_data from pgq.event_${queue} order by ev_id`)).map(
    ({ ev_data }) => ev_data,
  );

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => `${from + at}`);

describe('spool/spooler', () => {
  test('delivers each event once and in the order of its writer, deletes what is delivered, and keeps the columns', async () => {
    const { shard, folder, producer, open } = await givenSpool(['orders', 'mails']);
    const small = open('1kB');
    for (const n of numbers(1, 30)) await small.spool('orders', { type: 't', data: n, key: 'k' });
    await producer.spool('orders', [{ data: 'a' }, { data: { b: 1 } }]);
    await producer.spool('mails', { data: 'm', at: new Date(0), unique: 'u' });
    await producer.spool('orders', { data: 'c' });
    expect(spoolStatus(folder)?.writers.reduce((sum, { events }) => sum + events, 0)).toBe(34);

    await spoolerOn(shard, folder).once();
    const delivered = await dataOn(shard);
    expect(delivered.filter((data) => /^\d+$/.test(data))).toEqual(numbers(1, 30));
    expect(delivered.filter((data) => !/^\d+$/.test(data))).toEqual(['a', '{"b":1}', 'c']);
    const [mail] = await shard.query(
      'select ev_data, ev_extra2::timestamptz as due, ev_extra3 from pgq.event_2',
    );
    expect(mail).toEqual({ ev_data: 'm', due: new Date(0), ev_extra3: 'u' });
    const status = spoolStatus(folder);
    expect(status?.writers.map(({ files, events }) => ({ files, events }))).toEqual([
      { files: 1, events: 0 },
      { files: 1, events: 0 },
    ]);

    // Another time, with more of one writer.
    await producer.spool('orders', { data: 'd' });
    await spoolerOn(shard, folder).once();
    await spoolerOn(shard, folder).once();
    expect(await dataOn(shard)).toEqual([...delivered, 'd']);
  });

  test('a queue that is missing keeps its writer waiting behind what it had spooled before, and no other, and is named', async () => {
    const { shard, folder, open } = await givenSpool();
    const [one, other] = [open(), open()];
    for (const n of numbers(1, 700)) await one.spool('orders', { data: n });
    await one.spool('later', { data: 'for later' });
    await one.spool('orders', { data: '701' });
    await other.spool('orders', { data: 'x' });
    // The command ends, and what it could deliver is there.
    await expect(spoolerOn(shard, folder).once()).rejects.toThrow('This database has no queue `later`.');
    const before = [...numbers(1, 700), 'x'];
    expect((await dataOn(shard)).toSorted()).toEqual(before.toSorted());

    const { spooler, occurrences } = spoolerOn(shard, folder, { isOnce: false });
    const stop = new AbortController();
    const running = spooler.run(stop.signal);
    const troubles = () => occurrences.flatMap((one) => (one.kind === 'trouble' ? [one] : []));
    await until(() => troubles().length > 0, { what: 'the sentence' });
    expect(String(troubles()[0]?.error)).toContain('This database has no queue `later`. There are: orders;');
    expect(troubles()[0]?.waiting).toMatchObject({ seq: 701, queue: 'later' });
    await givenQueue(shard, 'later');
    await until(async () => (await dataOn(shard)).length === 702, { what: 'the writer that waited' });
    stop.abort();
    await running;
    expect((await dataOn(shard)).filter((data) => data !== 'x')).toEqual(numbers(1, 701));
    expect(await dataOn(shard, 2)).toEqual(['for later']);
  });

  test('what the shard refuses is set aside where an operator says so, in order, and can be sent from there', async () => {
    const { shard, folder, producer } = await givenSpool();
    await producer.spool('orders', { data: '1' });
    await producer.spool('../ordrs', [
      { type: 't', data: '2' },
      { data: { n: 3 }, key: 'k' },
    ]);
    await producer.spool('orders', { data: '4' });
    await producer.spool('../ordrs', { data: '5' });
    // Of another queue nothing is.
    await expect(spoolerOn(shard, folder, { setAside: ['orders'] }).once()).rejects.toThrow('`../ordrs`');
    expect(await dataOn(shard)).toEqual(['1']);
    const { once, noticed } = spoolerOn(shard, folder, { setAside: ['../ordrs'] });
    await once();
    expect(await dataOn(shard)).toEqual(['1', '4']);
    const path = join(folder, 'refused', '%2E.%2Fordrs');
    expect(noticed()).toHaveLength(2);
    expect(noticed()[0]).toContain(`was set aside in ${path}. This database has no queue \`../ordrs\`.`);
    const lines = readdirSync(path)
      .toSorted()
      .map((name) => readFileSync(join(path, name), 'utf8'));
    expect(lines).toEqual([
      '{"type":"t","data":"2"}\n{"data":"{\\"n\\":3}","extra1":"k"}\n',
      '{"data":"5"}\n',
    ]);
    const status = await run(['spool', 'status', folder]);
    expect(status.stdout).toContain(`2 records set aside: cat ${path}/*.ndjson | tributary send QUEUE`);
    for (const line of lines.join('').trim().split('\n')) parseEventLine(line);
    // Nothing of it comes again.
    await spoolerOn(shard, folder).once();
    expect(await dataOn(shard)).toEqual(['1', '4']);
  });

  test('of many records that are refused for their queue or their data each is found, and all others go', async () => {
    const { shard, folder, producer } = await givenSpool();
    // A check of the event table, as a database of another encoding would refuse what it cannot write.
    await shard.query("alter table pgq.event_1 add check (ev_data not like '%bad%')");
    const all = numbers(1, 300).map((n) => (Number(n) % 37 === 0 ? `bad ${n}` : n));
    for (const data of all) await producer.spool('orders', { data });
    const { once, noticed } = spoolerOn(shard, folder, { setAside: ['orders'] });
    await once();
    expect(await dataOn(shard)).toEqual(all.filter((data) => !data.startsWith('bad')));
    expect(noticed()).toHaveLength(8);
  });

  test('a shard that refuses connections, or does not answer them, is trouble and no end, and a stop is heard meanwhile', async () => {
    const { shard, folder, producer } = await givenSpool();
    await producer.spool('orders', { data: '1' });
    const { port } = await givenBlackHole();
    const place = (more: object) => ({
      shard: { ...shard.database, name: 'Shard s1', schema: 'pgq' as const, ...more },
      isOnce: false,
    });
    for (const more of [{ port: 1 }, { port, connectTimeoutMs: 50 }]) {
      const { spooler, occurrences } = spoolerOn(shard, folder, place(more));
      const stop = new AbortController();
      const running = spooler.run(stop.signal);
      await until(() => occurrences.filter(({ kind }) => kind === 'trouble').length > 1, {
        what: 'two tries',
      });
      stop.abort();
      await running;
    }
    const silent = spoolerOn(shard, folder, place({ port }));
    const stop = new AbortController();
    const running = silent.spooler.run(stop.signal);
    stop.abort();
    await running;
    expect(silent.occurrences).toEqual([]);
    await spoolerOn(shard, folder).once();
    expect(await dataOn(shard)).toEqual(['1']);
  });

  test('a shard that was restored to an older state is noticed, and an operator chooses', async () => {
    const { shard, folder, producer, open } = await givenSpool();
    const gone = open();
    await gone.spool('orders', { data: 'of a writer that the shard forgets' });
    for (const n of numbers(1, 5)) await producer.spool('orders', { data: n });
    await spoolerOn(shard, folder).once();
    await shard.query(
      'update tributary_spool.place set seq = 3 where seq = 5; delete from tributary_spool.place where seq = 1',
    );
    await shard.query('delete from pgq.event_1 where ev_data in ($1, $2) or length(ev_data) > 3', ['4', '5']);
    await producer.spool('orders', { data: '6' });
    const sentence = `Shard s1 knows less than was delivered to it from ${folder}: 3 records of 2 writers are not there any more.`;
    for (const _time of [1, 2]) await expect(spoolerOn(shard, folder).once()).rejects.toThrow(sentence);
    expect(await dataOn(shard)).toEqual(['1', '2', '3']);

    const copy = `${folder}-rewound`;
    spawnSync('cp', ['-a', folder, copy]);
    await spoolerOn(shard, folder, { choice: 'skip' }).once();
    expect(await dataOn(shard)).toEqual(['1', '2', '3', '6']);

    // The other choice, on the state before.
    await shard.query('delete from pgq.event_1 where ev_data = $1', ['6']);
    await shard.query(
      'update tributary_spool.place set seq = 3 where seq = 6; delete from tributary_spool.place where seq = 1',
    );
    await spoolerOn(shard, copy, { choice: 'rewind' }).once();
    const rewound = await dataOn(shard);
    expect(rewound.filter((data) => data.length < 3)).toEqual(numbers(1, 6));
    expect(rewound).toHaveLength(7);
  });

  test('a copy of the folder delivers nothing twice, and both notice', async () => {
    const { shard, folder, producer } = await givenSpool();
    for (const n of numbers(1, 3)) await producer.spool('orders', { data: n });
    const copy = `${folder}-copy`;
    spawnSync('cp', ['-a', folder, copy]);
    const original = spoolerOn(shard, folder, { isOnce: false });
    const stop = new AbortController();
    const running = original.spooler.run(stop.signal);
    await until(async () => (await dataOn(shard)).length === 3, { what: 'the original' });
    await spoolerOn(shard, copy).once();
    expect(await dataOn(shard)).toEqual(numbers(1, 3));
    // What the copy has delivered of the same writer the original does not deliver again.
    await producer.spool('orders', { data: '4' });
    await until(async () => (await dataOn(shard)).length === 4, { what: 'the next event' });
    stop.abort();
    await running;
    await producer.spool('orders', { data: '5' });
    spawnSync('cp', ['-a', '-T', folder, copy]);
    const late = spoolerOn(shard, folder, { isOnce: false });
    const stopLate = new AbortController();
    await spoolerOn(shard, copy).once();
    const runningLate = late.spooler.run(stopLate.signal);
    await producer.spool('orders', { data: '6' });
    await until(async () => (await dataOn(shard)).length === 6, {
      what: 'the event after those of the copy',
    });
    stopLate.abort();
    await runningLate;
    expect(await dataOn(shard)).toEqual(numbers(1, 6));

    // The command refuses a copy until it is adopted.
    const refused = await run(['spool', copy, '--url', shard.url, '--once']);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toContain(`${copy} is a copy of another spool, or was restored`);
    expect(await run(['spool', copy, '--url', shard.url, '--once', '--adopt'])).toMatchObject({ code: 0 });
    expect(await run(['spool', copy, '--url', shard.url, '--once'])).toMatchObject({ code: 0 });
    expect(await dataOn(shard)).toEqual(numbers(1, 6));
  });

  test('a second deliverer of the same records is noticed while it works', async () => {
    const { shard, folder, producer } = await givenSpool();
    await producer.spool('orders', { data: '1' });
    const { spooler, noticed } = spoolerOn(shard, folder, { isOnce: false });
    const stop = new AbortController();
    const running = spooler.run(stop.signal);
    await until(async () => (await dataOn(shard)).length === 1, { what: 'the first event' });
    await shard.query('update tributary_spool.place set seq = 2');
    await producer.spool('orders', { data: '2, which the other one has delivered' });
    await until(() => noticed().length > 0, { what: 'the sentence' });
    await producer.spool('orders', { data: '3' });
    await until(async () => (await dataOn(shard)).length === 2, { what: 'the third event' });
    stop.abort();
    await running;
    expect(noticed()[0]).toContain('Somebody else delivers the same events');
    expect(await dataOn(shard)).toEqual(['1', '3']);
  });

  test('a role without rights is told what to do; with the table made for it, it delivers', async () => {
    const { shard, folder, producer } = await givenSpool();
    await producer.spool('orders', { data: '1' });
    const role = await givenRole([shard]);
    await shard.query(`grant pgq_writer to ${role.name}`);
    const database = { ...shard.database, user: role.name, password: role.password };
    const as = () => ({ shard: { ...database, name: 'Shard s1', schema: 'pgq' as const } });
    await expect(spoolerOn(shard, folder, as()).once()).rejects.toThrow(
      /Shard s1 has no table that notes what spools delivered, and this role may not make it. Let the owner of the database run .*spool\/place\.sql once/,
    );
    const admin = { user: shard.database.user, password: shard.database.password };
    const { shard: asRole } = as();
    await spoolerOn(shard, folder, { shard: { ...asRole, admin } as typeof asRole }).once();
    expect(await dataOn(shard)).toEqual(['1']);
    await producer.spool('orders', { data: '2' });
    await spoolerOn(shard, folder, as()).once();
    expect(await dataOn(shard)).toEqual(['1', '2']);
  });

  test('the command and its status', async () => {
    const { shard, folder, producer } = await givenSpool();
    const none = givenFolder();
    writeFileSync(join(none, 'file'), '');
    for (const path of [none, join(none, 'file'), join(none, 'nowhere')])
      expect(await run(['spool', 'status', path])).toMatchObject({
        code: 1,
        stderr: `${path} is no spool.\n`,
      });
    await producer.spool('orders', [{ data: '1' }, { data: '2' }]);
    const shown = await run(['spool', 'status', folder]);
    expect(shown.stdout).toMatch(/2 events wait, the oldest for \d+ s; no spooler delivers it\.\n$/);
    expect(await run(['spool', folder, '--url', shard.url, '--shard', 's1'])).toMatchObject({ code: 2 });
    const ran = await run(['spool', folder, '--url', shard.url, '--once']);
    expect(ran).toMatchObject({ code: 0, stdout: '' });
    expect(await dataOn(shard)).toEqual(['1', '2']);
    const { stdout } = await run(['spool', 'status', folder, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      folder,
      waiting: 0,
      oldest: null,
      copy: false,
      damaged: 0,
      refused: [],
      spooler: null,
      writers: [{ delivered: 1, waiting: 0, files: 1 }],
    });
    expect(existsSync(join(folder, 'spooler.lock'))).toBe(false);
    expect(
      readdirSync(folder)
        .filter((name) => !/\.log$/.test(name))
        .sort(),
    ).toEqual(['delivered.json', 'spool.json']);
    await producer.close();
  });
});
