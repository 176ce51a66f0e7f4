// Other job queues that a user could choose, as processes of their own. Installed at the first run, with the Node they need.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { cpuSecondsOfTree } from './processes.ts';

export type PeerName = 'pg-boss' | 'graphile-worker';

const FOLDER = fileURLToPath(new URL('../../scripts/bench/side-by-side', import.meta.url));

/** @returns the Node that runs the peers. */
export function installPeers(): string {
  if (!existsSync(join(FOLDER, 'node_modules', 'pg-boss'))) {
    // They need a newer Node than the one that installs them; it is one of the installed packages.
    const options = ['ci', '--no-audit', '--no-fund', '--engine-strict=false', '--loglevel=error'];
    const { status } = spawnSync('npm', options, { cwd: FOLDER, stdio: 'inherit' });
    if (status !== 0) throw new Error(`npm ci failed in ${FOLDER}.`);
  }
  const bundled = join(FOLDER, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
  return existsSync(bundled) ? bundled : process.execPath;
}

export interface PeerOptions {
  readonly url: string;
  readonly node: string;
  readonly env?: Readonly<Record<string, string>>;
}

const startPeer = (peer: PeerName, args: readonly string[], { url, node, env = {} }: PeerOptions) =>
  spawn(node, [join(FOLDER, `${peer}.js`), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...env, BENCH_URL: url },
  });

/** Inserts the jobs by its bulk API. @returns seconds without the start of the process. */
export async function fillPeer(peer: PeerName, options: PeerOptions): Promise<number> {
  const child = startPeer(peer, ['fill'], options);
  let seconds = Number.NaN;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('filled ')) seconds = Number(line.slice('filled '.length));
  }
  if (Number.isNaN(seconds)) throw new Error(`${peer} could not be filled.`);
  return seconds;
}

export interface PeerRun extends PeerOptions {
  readonly handler: string;
  readonly processes: number;
  readonly events: number;
  /** Called once all processes stand ready. */
  before(): Promise<void>;
  /** Whether no job is left in the database. */
  isDone(): Promise<boolean>;
}

/** @returns the time from the start of work until the last job is marked as done. */
export async function workPeer(
  peer: PeerName,
  { handler, processes, events, before, isDone, ...options }: PeerRun,
): Promise<{ readonly seconds: number; readonly cpuSeconds: number }> {
  const children = Array.from({ length: processes }, () => startPeer(peer, ['work', handler], options));
  const cpu = () => children.reduce((sum, { pid }) => sum + cpuSecondsOfTree(pid ?? 0), 0);
  try {
    let ready = 0;
    let handled = 0;
    const lines = children.map(async (child) => {
      for await (const line of createInterface({ input: child.stdout })) {
        if (line === 'ready') ready += 1;
        else handled += Number(line.split(' ')[1]);
      }
    });
    const ended = Promise.race(lines).then(() => {
      throw new Error(`${peer} ended before its work.`);
    });
    const until = async (what: () => boolean | Promise<boolean>) => {
      while (!(await what())) await Promise.race([pause(), ended]);
    };
    await until(() => ready === processes);
    await before();
    const cpuBefore = cpu();
    const began = performance.now();
    for (const { stdin } of children) stdin.write('go\n');
    // The database is asked only near the end, so that queries do not slow the work down.
    await until(() => handled >= events);
    await until(isDone);
    return { seconds: (performance.now() - began) / 1000, cpuSeconds: cpu() - cpuBefore };
  } finally {
    await Promise.all(children.map(end));
  }
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 5));

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'close');
}
