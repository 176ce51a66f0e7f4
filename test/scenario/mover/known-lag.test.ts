// Lag that is put in on purpose: what `lag` shows is the age of the oldest event, within a second or two of a hundred, whoever
// says it: the shard where no mover runs, the mover where central takes nothing, central where no worker runs.
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { LagReader } from '../../../src/observability/lag/reader.ts';
import type { LagReport } from '../../../src/observability/lag/report.ts';
import { givenInstalledHosts } from '../../support/installation/installed-hosts.ts';
import { startTributary } from '../../support/processes/process.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

/** In seconds: the lag that is looked at. */
const LOOKED_AT = [3, 5, 7, 9, 11];
const EVENTS_A_SECOND = 20;

/** A mover of one shard, and what is asked of both sides. */
async function given() {
  const hosts = await givenInstalledHosts({ alpha: 1 });
  const { config } = loadConfig(hosts.file, { env: { PGUSER: 'ann' } });
  if (config === undefined) throw new Error('The file is not valid.');
  const reader = new LagReader(config);
  onTestFinished(() => reader.close());
  const [shard] = hosts.shards as [TestDatabase];
  const clock = await shard.connect();
  const one = async (database: Pick<TestDatabase, 'query'>, expression: string) =>
    (await database.query<{ n: number }>(`select ${expression} as n`))[0]?.n ?? Number.NaN;
  const events = '(select count(*) from pgq.event_1)';
  return {
    hosts,
    reader,
    startMover: () => startTributary(['-c', hosts.file, 'mover', '--host', 'alpha']),
    /** By the shard's clock, in seconds since 1970. */
    now: () => one(clock, 'extract(epoch from clock_timestamp())::float8'),
    untilMoved: () =>
      until(async () => (await one(hosts.central, events)) === (await one(shard, events)), {
        what: 'all events',
        timeoutMs: 60_000,
      }),
    /** Inserts at a fixed rate. @returns when the first event came, and how to stop. */
    async startWriter() {
      const insert = () =>
        one(shard, `extract(epoch from now())::float8 + 0 * pgq.insert_event('orders', 'placed', '1')`);
      const first = await insert();
      let isStopped = false;
      const writing = (async () => {
        while (!isStopped) {
          await new Promise((resolve) => setTimeout(resolve, 1_000 / EVENTS_A_SECOND));
          await insert();
        }
      })();
      const stop = async () => {
        isStopped = true;
        await writing;
      };
      onTestFinished(stop);
      return { first, stop };
    },
  };
}

/** Compares what is shown with what is so, before and after it was looked at. */
async function compare(
  first: number,
  shown: (report: LagReport) => number | undefined,
  {
    reader,
    now,
    isCentralOnly,
  }: Pick<Awaited<ReturnType<typeof given>>, 'reader' | 'now'> & {
    readonly isCentralOnly: boolean;
  },
): Promise<void> {
  const faults: string[] = [];
  for (const seconds of LOOKED_AT) {
    await until(async () => (await now()) - first >= seconds, { what: `${seconds} s of lag` });
    const before = (await now()) - first;
    const figure = shown(await reader.read({ isCentralOnly })) ?? Number.NaN;
    const after = (await now()) - first;
    const least = before - Math.max(1, before * 0.02);
    const most = after + Math.max(1, after * 0.02);
    if (!(figure >= least && figure <= most))
      faults.push(`${figure} s were shown, and it was between ${before} s and ${after} s`);
  }
  expect(faults).toEqual([]);
}

const ofSource = ({ sources }: LagReport) => sources[0]?.secondsBehind;
const ofQueue = ({ central }: LagReport) => central[0]?.secondsBehind;

describe('known lag', () => {
  test('no mover runs: the shard says it', async () => {
    const all = await given();
    const mover = all.startMover();
    const before = await all.startWriter();
    await before.stop();
    await all.untilMoved();
    mover.kill('SIGKILL');
    await mover.exit;
    const writer = await all.startWriter();
    await compare(writer.first, ofSource, { ...all, isCentralOnly: false });
    await writer.stop();
  });

  test('central takes nothing: the mover says it', async () => {
    const all = await given();
    all.startMover();
    const before = await all.startWriter();
    await before.stop();
    await all.untilMoved();
    const locking = await all.hosts.central.connect();
    await locking.script(
      'begin; lock table pgq.event_1, pgq.event_1_0, pgq.event_1_1, pgq.event_1_2 in share mode',
    );
    const writer = await all.startWriter();
    await compare(writer.first, ofSource, { ...all, isCentralOnly: true });
    await locking.script('rollback');
    await writer.stop();
    await all.untilMoved();
    await until(async () => ofSource(await all.reader.read({ isCentralOnly: true })) === 0, {
      what: 'the end of the lag',
    });
  });

  test('no worker runs: central says it', async () => {
    const all = await given();
    all.startMover();
    const writer = await all.startWriter();
    await compare(writer.first, ofQueue, { ...all, isCentralOnly: true });
    await writer.stop();
  });
});
