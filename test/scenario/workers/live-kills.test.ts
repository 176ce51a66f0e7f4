// A browser listens to what workers publish, while workers and the process that serves it are killed.
import { describe, expect, test } from 'vitest';
import { type EventStream, openEventStream } from '../../support/network/event-stream.ts';
import { startTributary, type TestProcess } from '../../support/processes/process.ts';
import { until } from '../../support/until.ts';
import { givenTicker, givenWorkerHosts } from '../../support/workers/worker-host.ts';

const HANDLER = `export default { async event(event, { client, publish }) {
  const { n } = event.json();
  await client.query('insert into effect (n) values ($1)', [n]);
  publish('numbers', n);
  await new Promise((resolve) => setTimeout(resolve, 2));
} };`;

/** Where it serves, from its log. */
const urlOf = (host: TestProcess): Promise<string> =>
  until(() => /serving (http:\S+)\/livez/.exec(host.stderr.join('\n'))?.[1], {
    what: 'where it serves',
    timeoutMs: 60_000,
  });

/** Holds up whoever is about to commit what it has published, while the lock is held. */
const HOLD = `create function held() returns trigger language plpgsql as $$
  begin perform pg_advisory_xact_lock_shared(7717); return null; end $$;
create constraint trigger held after insert on tributary.published_0 deferrable initially deferred
  for each row execute function held();
create constraint trigger held after insert on tributary.published_1 deferrable initially deferred
  for each row execute function held();`;

describe('what workers publish', () => {
  test('exactly what was committed comes, once each, whoever is killed meanwhile', async () => {
    const hosts = await givenWorkerHosts('\n  orders: { create: true, workers: 2, handler: ./publish.mjs }', {
      'publish.mjs': HANDLER,
    });
    const { central, workersOf } = hosts;
    givenTicker(central, 'orders');
    const holding = await central.connect();
    await holding.script(HOLD);
    const serving = ['--http', '127.0.0.1:0'];
    // Of another host, which has no worker.
    const other = startTributary(['-c', hosts.file, 'mover', '--host', 'h2', '--adopt', ...serving]);
    let host = await hosts.startHost('h1', ...serving);
    const streams: EventStream[] = [];
    const listen = async (at: TestProcess) => {
      const place = streams.at(-1)?.lastEventId ?? '';
      const headers = place === '' ? {} : { 'last-event-id': place };
      streams.push(await openEventStream(`${await urlOf(at)}/live?channel=numbers`, { headers }));
    };
    await listen(host);
    const seen = () => streams.flatMap(({ data }) => data);
    const pids = () =>
      until(() => workersOf(host).size > 0 && [...workersOf(host).values()], { what: 'a worker' });
    let made = 0;
    for (const victim of ['worker', 'commit', 'host']) {
      const before = seen().length;
      if (victim === 'commit') await holding.query('select pg_advisory_lock(7717)');
      await central.produce('orders', 300, { from: made + 1 });
      made += 300;
      if (victim === 'commit') {
        await until(
          async () =>
            (
              await holding.query(
                "select from pg_locks where locktype = 'advisory' and objid = 7717 and not granted and database = (select oid from pg_database where datname = current_database())",
              )
            ).length > 0,
          { what: 'a commit that waits', timeoutMs: 60_000 },
        );
        for (const pid of await pids()) process.kill(pid, 'SIGKILL');
        await holding.query('select pg_advisory_unlock(7717)');
        continue;
      }
      // In the middle of it.
      await until(() => seen().length > before, { what: 'the first of them', timeoutMs: 60_000 });
      if (victim === 'worker') {
        const [pid] = await pids();
        process.kill(pid as number, 'SIGKILL');
      } else {
        host.kill('SIGKILL');
        await until(() => streams.at(-1)?.isEnded === true, { what: 'the end of its streams' });
        await listen(other);
        host = await hosts.startHost('h1');
      }
    }
    await until(async () => (await central.effects()).length === made, {
      what: 'all events',
      timeoutMs: 120_000,
    });
    await until(() => seen().length >= made, { what: 'all messages', timeoutMs: 60_000 });
    const effects = await central.effects();
    expect(seen()).not.toContain('reset');
    expect(seen().toSorted((a, b) => Number(a) - Number(b))).toEqual(effects);
    expect(effects).toHaveLength(made);
  });
});
