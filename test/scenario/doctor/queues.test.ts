// Each cause that keeps central queues from being worked off, staged at once on one host with a queue for each.
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { givenCluster } from '../../support/installation/installation.ts';
import { givenServer } from '../../support/server/server.ts';
import { until } from '../../support/until.ts';
import { givenTicker, givenWorkerHosts } from '../../support/workers/worker-host.ts';
import { causesOf, EVERY_MS, untilNamed } from './doctor.ts';

const HANDLERS = {
  'well.mjs': 'export default { async event() {} };',
  'broken.mjs': "import './nowhere.mjs'; export default { async event() {} };",
  'fails.mjs': `export default { async event(event) {
    if (event.json().n % 3 === 0) throw new Error('no such customer'); } };`,
  'nothing.mjs': "export default { async event() { throw new Error('the bank is away'); } };",
  'slow.mjs': 'export default { async event() { await new Promise((done) => setTimeout(done, 2500)); } };',
  'steady.mjs': 'export default { async event() { await new Promise((done) => setTimeout(done, 100)); } };',
  'second.mjs': `import { existsSync, writeFileSync } from 'node:fs';
    const mark = new URL('./loaded', import.meta.url);
    if (existsSync(mark)) await new Promise((done) => setTimeout(done, 25_000));
    writeFileSync(mark, '');
    export default { async event() {} };`,
};

const QUEUES = [
  ['away', 'workers: 1, handler: ./well.mjs'],
  ['parked', 'workers: 1, handler: ./well.mjs'],
  ['unusable', 'workers: 1, handler: ./broken.mjs'],
  ['fails', 'workers: 1, handler: ./fails.mjs, retry: { attempts: 2, first: 1s, max: 1s }'],
  ['nothing', 'workers: 1, handler: ./nothing.mjs'],
  ['slow', 'workers: 1, handler: ./slow.mjs'],
  ['few', 'workers: 1, handler: ./steady.mjs'],
  ['limited', 'workers: 1, handler: ./well.mjs, rate: 5/s'],
  ['second', 'workers: 2, handler: ./second.mjs'],
] as const;

/** Events a second. */
const ARRIVING = [
  ['slow', 2],
  ['few', 15],
  ['limited', 12],
  ['fails', 9],
  ['nothing', 2],
] as const;

describe('doctor on central queues', () => {
  test('a queue for each cause, one host with workers', async () => {
    const cluster = await givenCluster({ server: await givenServer() });
    const queues = QUEUES.map(([name, rest]) => `  ${name}: { create: true, ${rest} }`).join('\n');
    const hosts = await givenWorkerHosts(queues, HANDLERS, cluster);
    const { central, file } = hosts;
    const served = QUEUES.map(([name]) => name).filter((name) => name !== 'away');
    await hosts.tributary('scale', 'parked', '0');
    for (const [name] of QUEUES) await central.produce(name, 3);
    const second = async () => {
      for (const [name, count] of ARRIVING) await central.produce(name, count);
    };
    // Rates are known where there is a tick that is older than a minute: what comes in a minute is there from the beginning.
    await central.query("update pgq.tick set tick_time = tick_time - interval '61 seconds'");
    for (let n = 0; n < 60; n += 1) {
      await second();
      await central.tick(...ARRIVING.map(([name]) => name));
    }
    givenTicker(central, ...QUEUES.map(([name]) => name));
    const stopped = new AbortController();
    const producing = (async () => {
      while (!stopped.signal.aborted) {
        await second();
        await sleep(1_000);
      }
    })();
    onTestFinished(async () => {
      stopped.abort();
      await producing;
    });
    await hosts.startHost('h1', '--queue', ...served);

    expect(await untilNamed(file, 'no-worker', { name: 'away' })).toMatchObject({
      ...{ severity: 'broken', sentence: 'No worker runs for queue away.', command: 'tributary work' },
    });
    expect(await untilNamed(file, 'parked', { name: 'parked' })).toMatchObject({
      command: 'tributary scale parked --reset',
    });
    const unusable = await untilNamed(file, 'handler-unusable', { name: 'unusable' });
    expect(unusable.sentence).toMatch(/^No worker can run for queue unusable on h1: .*nowhere\.mjs/);
    expect(await untilNamed(file, 'workers-missing', { name: 'second' })).toMatchObject({
      sentence: '1 of 2 workers of queue second run.',
    });
    const fails = await untilNamed(file, 'handler-fails', { name: 'fails' });
    expect(fails.sentence).toMatch(/^Of the last \d+ events of queue fails \d+ failed: no such customer/);
    const dead = await untilNamed(file, 'dead-growing', { name: 'fails' });
    expect(dead).toMatchObject({
      sentence: expect.stringMatching(/^Queue fails: \d+ events died within 10 m\.$/),
      evidence: [expect.stringMatching(/^the last one, .*no such customer/)],
      command: 'tributary dead list --queue fails',
    });
    const nothing = await untilNamed(file, 'workers-stuck', { name: 'nothing' });
    expect(nothing.sentence).toContain('the bank is away');

    const slow = await untilNamed(file, 'handler-slow', { name: 'slow' });
    const few = await untilNamed(file, 'too-few-workers', { name: 'few' });
    const limited = await untilNamed(file, 'rate-reached', { name: 'limited' });
    const counted = async (cause: string, name: string, is: RegExp) => {
      for (;;) {
        const found = await untilNamed(file, cause, { name });
        if (is.test(found.sentence)) return found;
        await sleep(EVERY_MS);
      }
    };
    expect([slow.of, few.of, limited.of]).toEqual(['queue', 'queue', 'queue']);
    await counted(
      'handler-slow',
      'slow',
      /its handler takes about [23] s an event, 1 worker handles 0\.\d\/s, [\d.]+\/s arrive; \d+ hold this rate\.$/,
    );
    const reckoned = await counted(
      'too-few-workers',
      'few',
      /^Queue few: 1 worker handles [\d.]+\/s, [\d.]+\/s arrive; \d+ hold this rate\.$/,
    );
    expect(reckoned.command).toMatch(/^tributary scale few [2-4]$/);
    await counted(
      'rate-reached',
      'limited',
      /^Queue limited: its `rate:` of 5\/s is reached, [\d.]+\/s arrive\.$/,
    );

    stopped.abort();
    await producing;
    await hosts.tributary('scale', 'few', '4');
    const catching = await untilNamed(file, 'catching-up', { name: 'few' });
    expect(catching.sentence).toMatch(/drained at about (\d\d\d\d-\d\d-\d\d )?\d\d:\d\d\.$/);
  }, 300_000);

  test('a queue that takes no delayed events, its schedule, a queue, a group and a tick that are gone, central that is younger, and without upkeep', async () => {
    const cluster = await givenCluster({ server: await givenServer() });
    const queues = [
      ...['one', 'two', 'three'].map(
        (name) => `  ${name}: { create: true, workers: 1, handler: ./well.mjs }`,
      ),
      '  four: { create: true, workers: none }',
    ].join('\n');
    const hosts = await givenWorkerHosts(queues, HANDLERS, cluster);
    const { central, file } = hosts;
    appendFileSync(file, "schedules: { hourly: { cron: '0 * * * *', queue: four, missed: all } }\n");
    await hosts.tributary('schedule', 'pause', 'hourly');
    const paused = await untilNamed(file, 'schedule-paused', { name: 'four' });
    expect(paused).toMatchObject({
      ...{ severity: 'risk', command: 'tributary schedule resume hourly' },
      sentence: expect.stringMatching(
        /^Schedule hourly has been paused for \d+ s by \S+@\S+: queue four gets/,
      ),
    });
    await hosts.tributary('schedule', 'resume', 'hourly');
    const [four] = await central.query<{ name: string }>("select pgq.current_event_table('four') as name");
    await central.query(
      "create function refuse() returns trigger language plpgsql as 'begin raise exception $$no room$$; end'",
    );
    await central.query(
      `create trigger refuse before insert on ${four?.name} for each statement execute function refuse()`,
    );
    await central.query(
      "select tributary.send_delayed('four', array[0.0::float8], array[null::float8], $1, $1, $1, $1, $1, $1)",
      [[null]],
    );
    // As if its time had come and gone while the queue takes nothing.
    await central.query("update tributary.schedule set decided_at = now() - interval '2 hours'");
    const host = await hosts.startHost('h1', '--queue', 'three');
    const delayed = await untilNamed(file, 'delayed-late', { name: 'four' });
    expect(delayed).toMatchObject({
      ...{ severity: 'broken', command: 'tributary delayed list --queue four' },
      sentence: expect.stringMatching(
        /^Queue four: of 1 delayed event the next one has been due for .* and does not go in\.$/,
      ),
    });
    const late = await untilNamed(file, 'schedule-late', { name: 'four' });
    expect(late.sentence).toMatch(
      /^Schedule hourly was due (1 h|2 h|\d+ m).* ago, and queue four has not got its event\.$/,
    );
    await central.query(`drop trigger refuse on ${four?.name}`);
    await until(
      async () => {
        const causes = await causesOf(file);
        return !causes.includes('delayed-late') && !causes.includes('schedule-late');
      },
      { what: 'the queue to get what was due', timeoutMs: 60_000 },
    );
    await central.query("select pgq.drop_queue('one', true)");
    expect(await untilNamed(file, 'queue-missing', { name: 'one' })).toMatchObject({
      command: 'tributary install',
    });
    await central.query("select tributary.coop_drop_group('two', 'workers_test', true)");
    expect(await untilNamed(file, 'group-missing', { name: 'two' })).toMatchObject({
      sentence: 'Queue two has no consumer workers_test.',
    });
    await central.query(
      "delete from pgq.tick where tick_queue = (select queue_id from pgq.queue where queue_name = 'three')",
    );
    expect((await untilNamed(file, 'tick-gone', { name: 'three' })).sentence).toContain(
      'does not exist any more',
    );
    // As after a restore into a server that has given out fewer.
    await central.query(
      "insert into pgq.tick (tick_queue, tick_id, tick_snapshot, tick_event_seq) select queue_id, 999, '900000000:900000000:', 1 from pgq.queue where queue_name = 'two'",
    );
    expect((await untilNamed(file, 'central-younger', { name: 'two' })).sentence).toContain(
      'transaction ids more',
    );
    // A process that does not look after central, long after the last one that did.
    host.kill('SIGTERM');
    await host.exit;
    await central.query(
      "update tributary.term set holder = null, freed_at = now() - interval '2 minutes' where resource = 'upkeep:central'",
    );
    await central.query(
      `select tributary.lease_beat(gen_random_uuid(), 'mover', 'db01', '{}', interval '1 minute', '{}', '{}', 0)`,
    );
    expect((await untilNamed(file, 'no-upkeep')).sentence).toMatch(/^Central has had no upkeep for \d+ s/);
  }, 120_000);
});
