// Each alert of monitoring/ fires on the real program: a real Prometheus scrapes it and evaluates the rules, with shorter times
// and limits.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { givenFile } from '../../support/installation/config-file.ts';
import { givenCluster } from '../../support/installation/installation.ts';
import { startTributary, type TestProcess } from '../../support/processes/process.ts';
import { run } from '../../support/processes/run-cli.ts';
import { until } from '../../support/until.ts';

const hasPrometheus = spawnSync('prometheus', ['--version']).status === 0;
const SERVING = /serving http:\/\/(\S+)\/livez/;

interface Rule {
  readonly alert: string;
}

const rules = readFileSync(packagePath('monitoring', 'alerts.yaml'), 'utf8');
const names = (parse(rules) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) =>
  group.rules.map(({ alert }) => alert),
);

/** Hours become seconds, and so do limits; what is compared, and how, stays. */
const shortened = rules
  .replaceAll(/for: \w+/g, 'for: 1s')
  .replaceAll('offset 1h', 'offset 10s')
  .replaceAll(/\[(5|15)m\]/g, '[30s]')
  .replaceAll(/> (60|600|1000|3600)$/gm, '> 2')
  .replaceAll(/> 3$/gm, '> 0');

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** @returns what it has seen firing, whenever that was. */
async function givenPrometheus(targets: readonly string[]): Promise<() => Promise<ReadonlySet<string>>> {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-prometheus-'));
  writeFileSync(join(folder, 'alerts.yaml'), shortened);
  writeFileSync(
    join(folder, 'prometheus.yaml'),
    JSON.stringify({
      global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
      rule_files: ['alerts.yaml'],
      scrape_configs: [{ job_name: 'tributary', static_configs: [{ targets }] }],
    }),
  );
  const port = await freePort();
  const prometheus: ChildProcess = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yaml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  );
  const ended = new Promise((resolve) => prometheus.once('exit', resolve));
  onTestFinished(async () => {
    prometheus.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  const fired = new Set<string>();
  return async () => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/alerts`);
    const { data } = (await response.json()) as {
      data: { alerts: { state: string; labels: { alertname: string } }[] };
    };
    for (const { state, labels } of data.alerts) if (state === 'firing') fired.add(labels.alertname);
    return fired;
  };
}

/** By the type of the event. */
const HANDLER = `
export default {
  async event(event, context) {
    if (event.type === 'dead') context.dead(event, 'not wanted');
    if (event.type === 'retry') context.retry(event, { after: '1h' });
    if (event.type === 'kill') process.exit(1);
    if (event.type === 'slow') await new Promise((resolve) => setTimeout(resolve, 8_000));
  },
};`;

describe.skipIf(!hasPrometheus)('alerts', () => {
  test('each fires on the real program where what it is about is wrong', async () => {
    const cluster = await givenCluster({ shards: 4 });
    const { central, shards } = cluster;
    const file = givenFile(
      [
        `central: '${central.url}'`,
        'shards:',
        ...shards.map(
          ({ url }, at) => `  - { name: s${at + 1}, host: ${at < 3 ? 'alpha' : 'beta'}, url: '${url}' }`,
        ),
        'mover: { adopt_after: 1s }',
        'queues:',
        '  keyed: { create: true, workers: 1, handler: ./handler.mjs, key: ev_data, lanes: 1, on_failure: pause }',
        ...['orders', 'deadly', 'slow', 'broken'].map(
          (queue) =>
            `  ${queue}: { create: true, workers: 1, handler: ./${queue === 'broken' ? 'broken' : 'handler'}.mjs }`,
        ),
        "schedules: { late: { cron: '* * * * * *', queue: orders }, rests: { cron: '0 0 1 1 *', queue: orders } }",
        '',
      ].join('\n'),
      { others: { 'handler.mjs': HANDLER, 'broken.mjs': HANDLER } },
    );
    const installed = await run(['-c', file, 'install']);
    expect(installed.code, installed.stderr).toBe(0);
    writeFileSync(join(dirname(file), 'broken.mjs'), 'export default 1;');
    const processes: TestProcess[] = [];
    const serve = async (config: string, ...args: string[]) => {
      const served = startTributary(['-c', config, ...args, '--http', ':0']);
      processes.push(served);
      return SERVING.exec(await served.waitForLine(SERVING))?.[1] ?? '';
    };
    // The second host, with a file of its own, is silent from the beginning of its second life.
    const other = join(dirname(file), 'other.yaml');
    copyFileSync(file, other);
    writeFileSync(other, `${readFileSync(other, 'utf8')}# Another one.\nmetrics: { per_source: true }\n`);
    const targets = [
      await serve(file, 'start', '--host', 'alpha'),
      await serve(other, 'mover', '--host', 'beta'),
    ];
    const fired = await givenPrometheus(targets);
    const last = await until(fired, { what: 'Prometheus', timeoutMs: 30_000 });
    const untilFired = (...wanted: string[]) =>
      until(
        async () => {
          await fired();
          return wanted.every((name) => last.has(name));
        },
        { what: wanted.join(', '), timeoutMs: 90_000, everyMs: 500 },
      ).catch((error: Error) => {
        throw new Error(`${error.message} Fired: ${[...last].join(', ')}.`);
      });
    const insert = (at: number, queue: string, type: string) =>
      shards[at]?.query('select pgq.insert_event($1, $2, $3)', [queue, type, '1']);

    // A handler that cannot be loaded, and hosts with different files.
    await untilFired('TributaryQueueStuck', 'TributaryTooFewWorkers', 'TributaryHostFilesDiffer');
    await insert(0, 'orders', 'dead');
    await insert(0, 'orders', 'retry');
    await insert(0, 'orders', 'retry');
    await insert(0, 'orders', 'retry');
    await insert(0, 'deadly', 'kill');
    // Its key waits with it.
    await insert(0, 'keyed', 'retry');
    await untilFired(
      'TributaryDeadEvents',
      'TributaryManyRetries',
      'TributaryKeyPaused',
      'TributaryWorkersDie',
    );
    // One that is slow, and others that wait behind it.
    for (let n = 0; n < 3; n += 1) await insert(0, 'slow', 'slow');
    await untilFired('TributaryHandlingLate', 'TributarySlowDelivery');
    // A shard whose ticks stand still, one whose source is halted, one that is paused.
    await shards[0]?.query(`select pgq.set_queue_config('orders', 'ticker_paused', 'true')`);
    await insert(0, 'orders', 'any');
    await central.query(
      `select tributary.halt_source(id, 'diverged', 'By hand.') from tributary.source where shard = 's2' and queue = 'orders'`,
    );
    expect((await run(['-c', file, 'pause', '--shard', 's3', '--queue', 'orders'])).code).toBe(0);
    // A rotation that has been due for long, and is held back.
    await central.query(
      `update pgq.queue set queue_switch_time = now() - interval '1 day', queue_rotation_period = '1 second'
        where queue_name = 'broken'`,
    );
    await insert(0, 'broken', 'any');
    await untilFired(
      ...['TributaryMovingLate', 'TributarySourceHalted', 'TributarySourcePaused', 'TributarySourceUnknown'],
      'TributaryRotationHeld',
    );
    // A schedule whose events do not go in, and one that is paused.
    await central.query(
      "create function refuse() returns trigger language plpgsql as 'begin raise exception $$no room$$; end'",
    );
    const [table] = await central.query<{ name: string }>("select pgq.current_event_table('orders') as name");
    await central.query(
      `create trigger refuse before insert on ${table?.name} for each statement execute function refuse()`,
    );
    expect((await run(['-c', file, 'schedule', 'pause', 'rests'])).code).toBe(0);
    await untilFired('TributaryScheduleLate', 'TributarySchedulePaused');
    // The mover of the other host is frozen: its shards are nobody's, until they are taken over.
    const [, beta] = processes;
    beta?.kill('SIGSTOP');
    await untilFired('TributarySourceNotMoved', 'TributaryTakenOver');
    for (const { kill } of processes) kill('SIGKILL');
    await untilFired('TributaryNobodyKnows');
    expect([...(await fired())].sort()).toEqual([...names].sort());
  });
});
