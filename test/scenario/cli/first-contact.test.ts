// What somebody new does: init, check, install, start, with what a fresh PostgreSQL has and without an edit.
import { describe, expect, test } from 'vitest';
import { givenFolder } from '../../support/files.ts';
import { runTributary, startTributary } from '../../support/processes/process.ts';
import { givenServer } from '../../support/server/server.ts';

describe('first contact', () => {
  test('the files that init writes can be installed and started as they are, and an event is handled', async () => {
    const { host, port, user, password } = await givenServer();
    const cwd = givenFolder();
    const env = {
      ...{ PGHOST: host, PGPORT: String(port), PGUSER: user, PGPASSWORD: password },
      ...{ PGDATABASE: undefined, PGSERVICE: undefined },
    };
    const run = (...args: string[]) => runTributary(args, { cwd, env });

    const init = await run('init');
    expect(init).toMatchObject({ code: 0, stderr: '' });
    for (const command of ['check', 'plan', 'install', 'start', 'send order_out'])
      expect(init.stdout).toContain(`tributary ${command}`);
    // What is missing is only what `install` brings.
    const before = await run('check');
    expect({ code: before.code, stderr: before.stderr }).toEqual({ code: 3, stderr: '' });
    expect(before.stdout).toContain('run `tributary install`');
    expect(before.stdout).not.toContain('unreachable');
    expect(await run('install')).toMatchObject({ code: 0 });
    expect(await run('check')).toMatchObject({ code: 0, stderr: '' });

    const started = startTributary(['start'], { cwd, env });
    await started.waitForLine(/starting: 1 shard of host /);
    const sent = await run('send', 'order_out', '--shard', 'first', '--data', '{"id": 1}');
    expect(sent).toMatchObject({ code: 0, stdout: '1 event sent to order_out on first.' });
    const logged = await started.waitForLine(/an order/, { timeoutMs: 60_000 });
    // The logger says the origin, and says it once.
    expect(logged.match(/"origin"/g)).toHaveLength(1);
    expect(JSON.parse(logged)).toMatchObject({ origin: 'first:order_out:1', data: '{"id": 1}' });
    started.kill();
    expect((await started.exit).code).toBe(0);
  });
});
