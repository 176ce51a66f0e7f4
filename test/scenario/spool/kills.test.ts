// Writers and spoolers that are killed at random, a server that goes away and comes back, files that are taken from writers which
// live: each confirmed event is there exactly once, in the order of its writer. Prints its seed; TRIBUTARY_SEED repeats it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { givenFolder, writeFile } from '../../support/files.ts';
import { givenQueue } from '../../support/installation/installation.ts';
import {
  runTributary,
  startProcess,
  startTributary,
  type TestProcess,
} from '../../support/processes/process.ts';
import { randomFrom } from '../../support/random.ts';
import { givenDatabase } from '../../support/server/database.ts';
import { givenServer } from '../../support/server/server.ts';
import { until } from '../../support/until.ts';

/** Notes in a file of its own what it is about to spool, and what was confirmed: such notes outlive a kill. */
const WRITER = `
import { appendFileSync } from 'node:fs';
import { createProducer } from '${packagePath('dist', 'producer.js')}';
const [, , folder, ledger, name, fsync] = process.argv;
const producer = createProducer({ spool: { folder, segment: '64kB', fsync: fsync === 'true' } });
let isStopped = false;
process.on('SIGTERM', () => { isStopped = true; });
for (let n = 1; !isStopped; n += 1) {
  const padding = 'x'.repeat(Math.random() < 0.05 ? 150_000 : Math.random() * 300);
  appendFileSync(ledger, 'tried ' + n + '\\n');
  await producer.spool('orders', { type: name, data: n, extra1: padding });
  appendFileSync(ledger, 'confirmed ' + n + '\\n');
  await new Promise((resolve) => setTimeout(resolve, Math.random() < 0.05 ? 150 : Math.random() * 8));
}
await producer.close();
`;
const WRITERS = 3;
const STEPS = 8;
/** Files of writers that were idle for a moment are taken from them, so that this meets appends all the time. */
const TIMING = 'spool.retireMs=40 spool.lookMs=10 spool.trouble=50';

interface Writer {
  readonly name: string;
  readonly ledger: string;
  readonly process: TestProcess;
}

const noted = ({ ledger }: Writer, word: string): number[] =>
  !existsSync(ledger)
    ? []
    : readFileSync(ledger, 'utf8')
        .split('\n')
        .flatMap((line) => (line.startsWith(`${word} `) ? [Number(line.slice(word.length))] : []));

test('each confirmed event is delivered exactly once and in order, whatever is killed', {
  timeout: 600_000,
}, async () => {
  const random = randomFrom(
    process.env.TRIBUTARY_SEED === undefined ? undefined : Number(process.env.TRIBUTARY_SEED),
  );
  process.stdout.write(`TRIBUTARY_SEED=${random.seed}\n`);
  const server = await givenServer();
  const shard = await givenDatabase({ server });
  await givenQueue(shard, 'orders');
  const home = givenFolder();
  const folder = join(home, 'spool');
  const script = writeFile(home, 'writer.mjs', { text: WRITER });

  const writers: Writer[] = [];
  const startWriter = () => {
    const name = `w${writers.length}`;
    const ledger = join(home, `${name}.ledger`);
    const args = [process.execPath, script, folder, ledger, name, String(random.oneIn(2))];
    const writer = { name, ledger, process: startProcess(args) };
    writers.push(writer);
    return writer;
  };
  const startSpooler = () =>
    startTributary(['spool', folder, '--url', shard.url], { env: { TRIBUTARY_TIMING: TIMING } });
  const delivered = async () =>
    (await shard.query<{ n: number }>('select count(*)::int as n from pgq.event_1'))[0]?.n ?? 0;
  const moreDelivered = async (by: number) => {
    // The first question after a restart may meet a connection that is gone.
    const before = (await until(async () => (await delivered()) + 1, { what: 'the server' })) - 1;
    await until(async () => (await delivered()) >= before + by, { what: 'deliveries', timeoutMs: 90_000 });
  };
  const moreConfirmed = async (writer: Writer, by: number) => {
    const before = noted(writer, 'confirmed').length;
    await until(() => noted(writer, 'confirmed').length >= before + by, {
      what: `events of ${writer.name}`,
      timeoutMs: 90_000,
    });
  };

  const living = Array.from({ length: WRITERS }, startWriter);
  let spooler = startSpooler();
  await moreDelivered(10);
  for (let step = 0; step < STEPS; step += 1) {
    const at = random.below(WRITERS);
    const writer = living[at] as Writer;
    switch (random.below(3)) {
      case 0: {
        await moreConfirmed(writer, random.below(20));
        writer.process.kill('SIGKILL');
        await writer.process.exit;
        living[at] = startWriter();
        await moreConfirmed(living[at] as Writer, 1);
        break;
      }
      case 1: {
        if (random.oneIn(2)) await moreDelivered(random.below(30));
        spooler.kill('SIGKILL');
        await spooler.exit;
        if (random.oneIn(2)) await moreConfirmed(writer, 15);
        spooler = startSpooler();
        await moreDelivered(1);
        break;
      }
      default: {
        await server.kill('immediate');
        // Nobody waits for the server.
        await moreConfirmed(writer, 5 + random.below(20));
        await server.restart();
        await moreDelivered(1);
      }
    }
  }
  // A second one is refused, whatever state the first is in.
  const second = await runTributary(['spool', folder, '--url', shard.url, '--once']);
  expect(second).toMatchObject({ code: 1 });
  expect(second.stderr).toContain('Another spooler delivers');

  for (const { process: living_ } of living) living_.kill('SIGTERM');
  await Promise.all(living.map(({ process: living_ }) => living_.exit));
  spooler.kill('SIGTERM');
  expect(await spooler.exit).toMatchObject({ code: 0 });
  const last = await runTributary(['spool', folder, '--url', shard.url, '--once']);
  expect(last).toMatchObject({ code: 0 });

  let retired = 0;
  for (const writer of writers) {
    const rows = await shard.query<{ ev_data: string }>(
      'select ev_data from pgq.event_1 where ev_type = $1 order by ev_id',
      [writer.name],
    );
    const there = rows.map(({ ev_data }) => Number(ev_data));
    const confirmed = noted(writer, 'confirmed');
    const tried = noted(writer, 'tried');
    // A writer that was killed may have written the event that it did not confirm any more.
    const expected = there.length > confirmed.length ? tried : confirmed;
    expect({ writer: writer.name, there }).toEqual({ writer: writer.name, there: expected });
    expect(tried.length - confirmed.length).toBeLessThanOrEqual(1);
    retired += there.length;
  }
  expect(await delivered()).toBe(retired);
  const left = readdirSync(folder).filter((name) => name.endsWith('.log'));
  expect(left.length).toBeLessThanOrEqual(writers.length);
});

/** Dies when its event is in the file and nobody was told yet. */
const DYING_WRITER = `
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
fs.fdatasync = () => process.kill(process.pid, 'SIGKILL');
syncBuiltinESMExports();
const { createProducer } = await import('${packagePath('dist', 'producer.js')}');
await createProducer({ spool: process.argv[2] }).spool('orders', { data: 'not confirmed' });
`;

test('killed between append and confirmation, and between the events of a delivery and what the folder knows of it, nothing is doubled', async () => {
  const shard = await givenDatabase();
  await givenQueue(shard, 'orders');
  const home = givenFolder();
  const folder = join(home, 'spool');
  const script = writeFile(home, 'dying.mjs', { text: DYING_WRITER });
  const there = async () =>
    (await shard.query<{ ev_data: string }>('select ev_data from pgq.event_1 order by ev_id')).map(
      ({ ev_data }) => ev_data,
    );
  expect(await startProcess([process.execPath, script, folder]).exit).toMatchObject({ signal: 'SIGKILL' });
  const deliver = (failPoint?: string) =>
    runTributary(['spool', folder, '--url', shard.url, '--once'], {
      env: { TRIBUTARY_FAIL_POINT: failPoint },
    });
  expect(await deliver('spool:inserted')).toMatchObject({ signal: 'SIGKILL' });
  expect(await there()).toEqual([]);
  expect(await deliver('spool:committed')).toMatchObject({ signal: 'SIGKILL' });
  expect(await there()).toEqual(['not confirmed']);
  expect(await deliver()).toMatchObject({ code: 0 });
  expect(await there()).toEqual(['not confirmed']);
});
