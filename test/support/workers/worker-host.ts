// An installation whose central queues are worked on by real processes: `tributary work` with handlers in files.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { givenFile } from '../installation/config-file.ts';
import { type Cluster, fileFor, givenCluster } from '../installation/installation.ts';
import { isAlive, startTributary, type TestProcess } from '../processes/process.ts';
import { run } from '../processes/run-cli.ts';
import { until } from '../until.ts';
import { type WorkerCentral, withVerbs } from './worker-central.ts';

export interface WorkerHosts {
  readonly central: WorkerCentral;
  /** Path of the shards.yaml. */
  readonly file: string;
  /** `tributary -c FILE work ARGS`, once its first line is out. */
  startHost(name: string, ...args: string[]): Promise<TestProcess>;
  /** Changes the shards.yaml, for hosts that are started later. */
  rewrite(change: (text: string) => string): void;
  /** Replaces the handler in a file. */
  rewriteHandler(name: string, text: string): void;
  /** Runs a command to its end, in this process. */
  tributary(...args: string[]): ReturnType<typeof run>;
  /** Pids of living workers by slot, from the log, because the server knows only the pids of its own backends. */
  workersOf(host: TestProcess): ReadonlyMap<string, number>;
}

/** Writes n and the slot's process into the table `effect`, through the client it is given. */
export const WRITING_HANDLER = `
export default {
  async event(event, { client }) {
    await client.query('insert into effect (n, slot) values ($1, $2)', [event.json().n, String(process.pid)]);
  },
};`;

export async function givenWorkerHosts(
  queues: string,
  handlers: Readonly<Record<string, string>> = { 'write.mjs': WRITING_HANDLER },
  given: Cluster | undefined = undefined,
): Promise<WorkerHosts> {
  const cluster = given ?? (await givenCluster());
  const file = givenFile(fileFor(cluster, { name: 'test', queues }), { others: handlers });
  const central = await withVerbs(cluster.central);
  const tributary = (...args: string[]) => run(['-c', file, ...args]);
  const installed = await tributary('install');
  if (installed.code !== 0) throw new Error(`install failed: ${installed.stderr}${installed.stdout}`);
  return {
    central,
    file,
    tributary,
    rewrite: (change) => writeFileSync(file, change(readFileSync(file, 'utf8'))),
    rewriteHandler: (name, text) => writeFileSync(join(dirname(file), name), text),
    async startHost(name, ...args) {
      // A worker that runs out of memory must not use up that of the machine.
      const env = { NODE_OPTIONS: '--max-old-space-size=96' };
      const host = startTributary(['-c', file, 'work', '--host', name, ...args], { env });
      await host.waitForLine(/working on/);
      return host;
    },
    workersOf,
  };
}

function workersOf(host: TestProcess): ReadonlyMap<string, number> {
  const workers = new Map<string, number>();
  for (const line of host.stderr) {
    if (!line.startsWith('{')) continue;
    const { msg = '', slot, pid } = JSON.parse(line) as { msg?: string; slot?: string; pid?: number };
    if (slot !== undefined && pid !== undefined && /is ready$/.test(msg)) workers.set(slot, pid);
  }
  for (const [slot, pid] of workers) if (!isAlive(pid)) workers.delete(slot);
  return workers;
}

/** Ticks the queues ten times a second until the test is over. */
export function givenTicker(central: WorkerCentral, ...queues: readonly string[]): void {
  const stopped = new AbortController();
  const ended = (async () => {
    while (!stopped.signal.aborted) {
      // A test may have stopped central.
      await central.tick(...queues).catch(() => {});
      await sleep(100);
    }
  })();
  onTestFinished(async () => {
    stopped.abort();
    await ended;
  });
}

export async function untilWorkers(
  { workersOf }: WorkerHosts,
  hosts: readonly TestProcess[],
  count: number,
  options: { readonly timeoutMs?: number } = {},
): Promise<void> {
  await until(() => hosts.reduce((sum, host) => sum + workersOf(host).size, 0) === count, {
    what: `${count} workers`,
    // On a busy machine a process takes seconds to start, and a draining one finishes its batch first.
    timeoutMs: 60_000,
    ...options,
  });
}
