// The process that `start` keeps alive, with programs in the mover's place that do what movers should not.
import { describe, expect, test } from 'vitest';
import { ForkedMover, type MoverDeath } from '../../../src/cli/commands/start/forked-mover.ts';
import { givenFolder, writeFile } from '../../support/files.ts';
import { givenConfig } from '../../support/installation/config-file.ts';
import { isAlive } from '../../support/processes/process.ts';
import { until } from '../../support/until.ts';

const FILE = `
central: postgresql://a@127.0.0.1:1/central
shards: [postgresql://a@127.0.0.1:1/shard]
queues: { orders: { workers: none } }
`;

function givenMover(code: string) {
  const program = writeFile(givenFolder(), 'mover.mjs', { text: code });
  const deaths: MoverDeath[] = [];
  const troubles: unknown[] = [];
  const mover = new ForkedMover({
    config: givenConfig(FILE),
    host: '127.0.0.1',
    program,
    onDeath: (death) => deaths.push(death),
    onTrouble: (error) => troubles.push(error),
  });
  return { mover, deaths, troubles, ended: mover.run() };
}

describe('cli/commands/start/forked-mover', () => {
  test('a mover that crashes again and again is restarted at growing intervals, and ends no other process', async () => {
    const { mover, deaths, ended } = givenMover('process.exit(1)');
    await until(() => deaths.length >= 4, { what: 'four deaths' });
    await mover.stop();
    await ended;
    expect(deaths.map(({ code, signal }) => [code, signal])).toContainEqual([1, null]);
    const [first, second, third, fourth] = deaths.map(({ restartMs }) => restartMs);
    expect(first).toBe(0);
    expect(second).toBeGreaterThanOrEqual(250);
    expect(third).toBeGreaterThanOrEqual(500);
    expect(fourth).toBeGreaterThanOrEqual(1_000);
  });

  test('a mover that ends with 2 for wrong usage ends the run with 2', async () => {
    const { ended, deaths } = givenMover('process.exit(2)');
    await expect(ended).rejects.toMatchObject({ code: 2, message: '' });
    expect(deaths).toEqual([]);
  });

  test('where a death cannot be noted in central, the next mover is started all the same', async () => {
    const member = '{ type: "member", id: "6f1c9c5e-3b1a-4c7e-9d57-0f0b6f0e7d11" }';
    const { mover, deaths, troubles, ended } = givenMover(
      `process.send(${member}, () => process.kill(process.pid, 'SIGKILL'));`,
    );
    await until(() => deaths.length >= 2 && troubles.length >= 1, { what: 'two deaths and a trouble' });
    expect(deaths[0]).toMatchObject({ signal: 'SIGKILL', restartMs: 0 });
    await mover.stop();
    await ended;
  });

  test('a mover that does not react is killed when there is no time', async () => {
    const { mover, ended } = givenMover(`process.on('SIGTERM', () => {}); setInterval(() => {}, 1000);`);
    const pid = await until(() => mover.pid, { what: 'a process' });
    await mover.stop();
    await mover.stopNow();
    await ended;
    expect(isAlive(pid)).toBe(false);
  });
});
