// Lag that is put in on purpose: what `lag` shows is the age of the oldest event, within a second or two of a hundred, whoever
// says it: the shard where no mover runs, the mover where central takes nothing, central where no worker runs; of a queue, of a
// group and of lanes, and to a page and to Prometheus the same.
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import type { DashboardState } from '../../../src/http/dashboard/state.ts';
import { TIMING } from '../../../src/lifecycle/timing.ts';
import { LagReader } from '../../../src/observability/lag/reader.ts';
import type { LagReport } from '../../../src/observability/lag/report.ts';
import { givenInstalledHosts } from '../../support/installation/installed-hosts.ts';
import { startTributary } from '../../support/processes/process.ts';
import { run } from '../../support/processes/run-cli.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

/** In seconds: the lag that is looked at. */
const LOOKED_AT = [3, 5, 7, 9, 11];
const EVENTS_A_SECOND = 20;
const SERVING = /serving (http:\S+)\/livez/;

/** A mover of one shard, and what is asked of both sides; events are written into `orders` and into these queues as well. */
async function given(more: Readonly<Record<string, string>> = {}) {
  const hosts = await givenInstalledHosts({ alpha: 1 });
  const queues = ['orders', ...Object.keys(more)];
  if (queues.length > 1) {
    const lines = Object.entries(more).map(
      ([name, settings]) => `  ${name}: { create: true, ${settings} }\n`,
    );
    writeFileSync(hosts.file, readFileSync(hosts.file, 'utf8') + lines.join(''));
    const installed = await run(['-c', hosts.file, 'install']);
    expect(installed.code, installed.stderr).toBe(0);
  }
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
    startMover: (...options: readonly string[]) =>
      startTributary(['-c', hosts.file, 'mover', '--host', 'alpha', ...options]),
    /** By the shard's clock, in seconds since 1970. */
    now: () => one(clock, 'extract(epoch from clock_timestamp())::float8'),
    untilMoved: () =>
      until(async () => (await one(hosts.central, events)) === (await one(shard, events)), {
        what: 'all events',
        timeoutMs: 60_000,
      }),
    /** Inserts at a fixed rate. @returns when the first event came, and how to stop. */
    async startWriter() {
      const inserted = queues.map((queue) => ` + 0 * pgq.insert_event('${queue}', 'placed', '1')`).join('');
      const insert = () => one(shard, `extract(epoch from now())::float8${inserted}`);
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
    faults.push(...faultsOf({ figure, before, after }));
  }
  expect(faults).toEqual([]);
}

interface Shown {
  /** What was shown, of a lag that was this much before it was looked at and that much after. */
  readonly figure: number;
  readonly before: number;
  readonly after: number;
  readonly whose?: string;
}

function faultsOf({ figure, before, after, whose = '' }: Shown): string[] {
  const least = before - Math.max(1, before * 0.02);
  const most = after + Math.max(1, after * 0.02);
  return figure >= least && figure <= most
    ? []
    : [`${whose} ${figure} s were shown, and it was between ${before} s and ${after} s`];
}

/** What a page is sent first. */
async function stateOf(url: string): Promise<DashboardState> {
  const stop = new AbortController();
  const response = await fetch(`${url}/api/stream`, { signal: stop.signal });
  const decoder = new TextDecoder();
  let text = '';
  try {
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      const [, state] = /^event: state\ndata: (.*)\n\n/m.exec(text) ?? [];
      if (state !== undefined) return JSON.parse(state) as DashboardState;
    }
  } finally {
    stop.abort();
  }
  throw new Error(`The stream ended: ${text}`);
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

  test('no worker runs: central says it of a queue, a group and lanes, and so do a page and the metrics', async () => {
    const all = await given({
      letters: 'groups: { mail: { workers: 1, handler: ./write.mjs } }',
      calls: 'key: ev_type, lanes: 4, workers: 1, handler: ./write.mjs',
    });
    const mover = all.startMover('--http', ':0');
    const url = SERVING.exec(await mover.waitForLine(SERVING))?.[1] ?? '';
    const writer = await all.startWriter();
    await compare(writer.first, ofQueue, { ...all, isCentralOnly: true });
    const names = ['orders', 'letters/mail', 'calls'];
    const before = (await all.now()) - writer.first;
    const { central } = await all.reader.read({ isCentralOnly: true });
    const state = await stateOf(url);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const after = (await all.now()) - writer.first;
    const shown = names.flatMap((name) => [
      { whose: `lag of ${name}`, figure: central.find(({ queue }) => queue === name)?.secondsBehind },
      { whose: `page of ${name}`, figure: state.queues.find((one) => one.name === name)?.age },
      {
        whose: `metric of ${name}`,
        figure: Number(
          new RegExp(`^tributary_oldest_waiting_event_age_seconds\\{queue="${name}"\\} (\\S+)$`, 'm').exec(
            metrics,
          )?.[1],
        ),
      },
    ]);
    // What a page and a scrape get may be as old as a reading of central is kept.
    const kept = TIMING.http.keptMs / 1_000;
    expect(
      shown.flatMap(({ whose, figure }) =>
        faultsOf({ whose, figure: figure ?? Number.NaN, before: before - kept, after }),
      ),
    ).toEqual([]);
    await writer.stop();
  });
});
