// live: 10 000 browsers that listen at one process, and 5 000 messages a second to 100 of them: how long a message takes from just
// before its commit until the browser has it, and what the process and central's backend for it cost.
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Connection } from '../../dist/postgres/connection.js';
import { type BenchCluster, givenBench } from './cluster.ts';
import { freePort } from './free-port.ts';
import { startTributary } from './mover-process.ts';
import { percentile, report } from './report.ts';
import { backendCpuUs } from './server-cpu.ts';

/** Opened at a time. */
const TOGETHER = 200;

export async function live(
  name: string,
  { streams = 10_000, busy = 100, rate = 5_000, seconds = 30 } = {},
): Promise<void> {
  const bench = await givenBench({ shards: 1, queues: '  jobs: { workers: 0, from: [] }' });
  const port = await freePort();
  const host = startTributary([
    ...['-c', bench.config.file, 'work', '--host', '127.0.0.1', '--http', `127.0.0.1:${port}`],
  ]);
  const sockets: Socket[] = [];
  try {
    await untilServed(port);
    const before = host.rssMb();
    const took: number[] = [];
    const beganMs = performance.now();
    for (let at = 0; at < streams; at += TOGETHER) {
      const some = Array.from({ length: Math.min(TOGETHER, streams - at) }, (_, n) =>
        open(port, at + n < busy ? `busy:${at + n}` : `quiet:${at + n}`, (ms) => took.push(ms)),
      );
      sockets.push(...(await Promise.all(some)));
    }
    const openedMs = performance.now() - beganMs;
    // A beat of all of them is over.
    await pause(16_000);
    const withStreams = host.rssMb();
    took.length = 0;
    const pid = await readerOf(bench);
    const [cpuBefore, backendBefore] = [host.cpuSeconds(), backendCpuUs(pid)];
    const sent = await publish(bench, { busy, rate, seconds });
    await pause(1_000);
    report(name, {
      'open streams': streams,
      'to open them all, s': openedMs / 1_000,
      'memory before, MB': before,
      'memory with them, MB': withStreams,
      'memory at the end, MB': host.rssMb(),
      'messages/s': sent / seconds,
      'messages, % that have come': (took.length / sent) * 100,
      'from before the commit, p50 ms': percentile(took, 0.5),
      'p99, ms': percentile(took, 0.99),
      'max, ms': took.reduce((most, one) => Math.max(most, one), 0),
      'the process, share of a core': (host.cpuSeconds() - cpuBefore) / seconds,
      'its backend, share of a core': (backendCpuUs(pid) - backendBefore) / 1e6 / seconds,
    });
  } finally {
    for (const socket of sockets) socket.destroy();
    await host.stop();
    await bench.stop();
  }
}

async function untilServed(port: number): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    if (
      await fetch(`http://127.0.0.1:${port}/livez`).then(
        () => true,
        () => false,
      )
    )
      return;
    await pause(100);
  }
  throw new Error('Nothing is served.');
}

/** Resolves when the stream is open. */
async function open(port: number, channel: string, took: (ms: number) => void): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.setEncoding('latin1');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('data', () => resolve());
    socket.write(`GET /live?channel=${channel} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
  });
  socket.on('error', () => {});
  socket.on('data', (text: string) => {
    const nowMs = performance.now();
    for (const [, sentMs] of text.matchAll(/"ms":([\d.]+)/g)) took(nowMs - Number(sentMs));
  });
  return socket;
}

/** Small transactions, spread over the channels that are busy. */
async function publish(
  { config }: BenchCluster,
  { busy, rate, seconds }: { busy: number; rate: number; seconds: number },
): Promise<number> {
  const connection = await Connection.open(config.central, { applicationName: 'bench' });
  const [startMs, together] = [performance.now(), rate / 100];
  let sent = 0;
  for (let turn = 0; turn < seconds * 100; turn += 1) {
    const dueMs = startMs + turn * 10;
    if (dueMs > performance.now()) await pause(dueMs - performance.now());
    const channels = Array.from({ length: together }, (_, at) => `busy:${(sent + at) % busy}`);
    const data = JSON.stringify({ text: 'x'.repeat(60), ms: performance.now() });
    await connection.query('select tributary.publish($1, $2, $3)', [
      channels,
      channels.map(() => 'told'),
      channels.map(() => data),
    ]);
    await connection.query('notify tributary_published');
    sent += together;
  }
  await connection.close();
  return sent;
}

async function readerOf({ central }: BenchCluster): Promise<number | undefined> {
  const [row] = await central.query<{ pid: number }>(
    "select pid from pg_stat_activity where application_name like 'tributary live%'",
  );
  return row?.pid;
}
