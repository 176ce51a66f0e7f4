// Schedules with real hosts: each time that is due goes in once, whoever is killed at that very second.
import { describe, expect, test } from 'vitest';
import { startTributary } from '../../support/processes/process.ts';
import { until } from '../../support/until.ts';
import { givenWorkerHosts } from '../../support/workers/worker-host.ts';

describe('schedules', () => {
  test('over two hosts, with one killed before and one behind each decision, every second is due once, and no handler sees another time', async () => {
    const hosts = await givenWorkerHosts('  reports: { from: [], workers: 1, handler: ./report.mjs }', {
      'report.mjs': `export default { async event(event, { client }) {
        await client.query('insert into effect (n, slot) values ($1, $2)', [
          Math.floor(event.time.getTime() / 1000 % 1e9), event.type + ' ' + event.data + ' ' + event.origin]);
      } };`,
    });
    const { central, tributary } = hosts;
    hosts.rewrite(
      (text) =>
        `${text}schedules: { tick: { cron: '* * * * * *', queue: reports, type: beat, data: { a: 1 }, missed: all } }\n`,
    );
    const count = async () => (await central.effects()).length;
    for (const point of ['schedule:due', 'schedule:decided']) {
      const env = { TRIBUTARY_FAIL_POINT: `${point}=kill*2`, TRIBUTARY_TIMING: 'leases.leaseMs=3000' };
      const dying = startTributary(['-c', hosts.file, 'work', '--host', `h-${point.slice(9)}`], { env });
      expect(await dying.exit, point).toMatchObject({ signal: 'SIGKILL' });
    }
    const two = [await hosts.startHost('h1'), await hosts.startHost('h2')];
    const before = await count();
    await until(async () => (await count()) > before + 5, { what: 'more seconds', timeoutMs: 60_000 });
    expect((await tributary('schedule', 'pause', 'tick')).stdout).toBe('Paused tick.\n');
    const listed = JSON.parse((await tributary('schedule', 'list', '--json')).stdout) as {
      schedules: { sent: number; last: string; paused_by: string | null }[];
    };
    const [shown] = listed.schedules;
    expect(shown?.paused_by).toMatch(/@/);
    await until(async () => (await count()) === shown?.sent, {
      what: 'all of them handled',
      timeoutMs: 60_000,
    });
    // From the first second to the last one each of them, once.
    const seconds = await central.effects();
    const [first = 0, last = 0] = [seconds[0], seconds.at(-1)];
    expect(seconds).toEqual(Array.from({ length: last - first + 1 }, (_, at) => first + at));
    expect(seconds.length).toBe(shown?.sent);
    const dueMs = Date.parse(shown?.last ?? '');
    expect((dueMs / 1_000) % 1e9).toBe(last);
    expect(await central.query('select slot from effect where n = $1', [last])).toEqual([
      { slot: `beat {"a":1} @schedule:tick:${dueMs}` },
    ]);

    expect((await tributary('schedule', 'run', 'tick')).stdout).toMatch(
      /^Schedule tick has put an event into queue reports, due /,
    );
    await until(async () => (await count()) === seconds.length + 1, { what: 'the one that was asked for' });
    expect((await tributary('schedule', 'run', 'tock')).stderr).toContain('did you mean tick?');
    expect((await tributary('schedule', 'resume', 'tick')).stdout).toBe('Resumed tick.\n');
    await until(async () => (await count()) > seconds.length + 2, { what: 'going on' });
    for (const host of two) host.kill('SIGTERM');
    for (const host of two) expect((await host.exit).code).toBe(0);
    const [sent] = await central.query<{ sent: number }>('select sent from tributary.schedule');
    const all = await central.query<{ n: number; slot: string }>('select n, slot from effect');
    expect(new Set(all.map(({ slot }) => slot)).size).toBe(all.length);
    // Events whose batch a host did not finish wait for the next one: none is lost, and none was there twice.
    expect(all.length).toBeLessThanOrEqual(sent?.sent ?? 0);
  });
});
