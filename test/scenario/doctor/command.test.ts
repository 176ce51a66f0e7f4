// The command as an operator sees it: nothing to say of a healthy system under load; sentences and exit codes where there is.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { givenFile } from '../../support/installation/config-file.ts';
import { fileFor, givenCluster } from '../../support/installation/installation.ts';
import { givenInstalledHosts, givenTransactions } from '../../support/installation/installed-hosts.ts';
import { givenBlackHole } from '../../support/network/black-hole.ts';
import { runWithTiming } from '../../support/processes/command-thread.ts';
import { run } from '../../support/processes/run-cli.ts';
import { givenDatabase } from '../../support/server/database.ts';
import { freezeServer } from '../../support/server/freeze.ts';
import { givenServer } from '../../support/server/server.ts';
import { until } from '../../support/until.ts';
import { type DoctorAnswer, untilHealthy } from './doctor.ts';

/** As it is in production. */
const UNCHANGED = '';

describe('doctor as a command', () => {
  test('on a healthy system under load it says nothing; who locks a table is said by lag and check, too', async () => {
    const cluster = await givenCluster({ shards: 2, server: await givenServer() });
    const hosts = await givenInstalledHosts({ alpha: 1, beta: 1 }, { cluster });
    const { file, shards } = hosts;
    await Promise.all([hosts.startHost('alpha'), hosts.startHost('beta')]);
    const stopped = new AbortController();
    const loading = (async () => {
      while (!stopped.signal.aborted) {
        await givenTransactions(shards, 10).catch(() => {});
        await sleep(50);
      }
    })();
    onTestFinished(async () => {
      stopped.abort();
      await loading;
    });
    await until(async () => (await hosts.handled()) > 300, { what: 'handled events', timeoutMs: 90_000 });
    await untilHealthy(file, UNCHANGED);
    for (let look = 0; look < 6; look += 1) {
      expect(await run(['-c', file, 'doctor'])).toMatchObject({
        code: 0,
        stdout: 'All is well: 2 sources and 1 central queue.\n',
        stderr: '',
      });
      await sleep(1_000);
    }
    expect(await hosts.handled()).toBeGreaterThan(600);

    const locking = await shards[0]?.connect();
    await locking?.script('begin; lock table pgq.tick in exclusive mode');
    const sentence =
      /(A session has locked pgq\.tick in shard s1|has waited for \d+ s for a lock in shard s1).*: pid \d+, user \w+, application tributary test/;
    for (const command of ['lag', 'check'])
      await until(async () => sentence.test((await run(['-c', file, command])).stdout), {
        what: `${command} to name the session`,
        timeoutMs: 60_000,
      });
    const { code, stdout } = await run(['-c', file, 'doctor']);
    expect(code).toBe(3);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^BROKEN: /);
    expect(stdout).toMatch(
      /^ {4}psql -h 127\.0\.0\.1 -p \d+ -d \w+ -c "select pg_terminate_backend\(\d+\)"$/m,
    );
    expect(lines.at(-1)).toMatch(
      /^\d broken(, \d at risk)?; .* of 2 sources and 1 central queue are well\.$/,
    );
    await locking?.script('rollback');
  }, 240_000);

  test('while servers are frozen and an address leads nowhere it ends within its time, and says which', async () => {
    const [host, other] = [await givenServer(), await givenServer()];
    const central = await givenDatabase({ server: other });
    const shards = [await givenDatabase({ server: host }), await givenDatabase({ server: host })];
    const text = fileFor({ central, shards }, { queues: '  orders: { workers: none, create: true }' });
    expect((await run(['-c', givenFile(text), 'install'])).code).toBe(0);
    const nowhere = new URL(shards[1]?.url ?? '');
    nowhere.host = `127.0.0.1:${(await givenBlackHole()).port}`;
    const file = givenFile(text.replace(shards[1]?.url ?? '', nowhere.href));
    const doctor = async () => {
      const began = performance.now();
      const timing = 'doctor.wholeMs=3000 doctor.shardMs=1500';
      const { stdout } = await runWithTiming(timing, ['-c', file, 'doctor', '--json']);
      return { said: JSON.parse(stdout) as DoctorAnswer, ms: performance.now() - began };
    };
    freezeServer(host);
    const withoutShards = await doctor();
    // Central has no mover to tell, and the shards do not answer.
    expect(withoutShards.said.diagnoses.map(({ cause }) => cause)).toEqual(['no-mover']);
    expect(withoutShards.said.unasked.map(({ shard }) => shard)).toEqual(['s1', 's2']);
    freezeServer(other);
    const withoutAll = await doctor();
    expect(withoutAll.said.diagnoses.map(({ cause }) => cause)).toEqual(['central-away']);
    expect(withoutAll.said.unasked.map(({ shard }) => shard)).toEqual(['s1', 's2']);
    // Its time, a start of the program, and what a loaded machine may add.
    for (const { ms } of [withoutShards, withoutAll]) expect(ms).toBeLessThan(30_000);
  });
});
