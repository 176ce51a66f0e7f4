// An installation of eight shards and three central queues whose one host runs `tributary start` and serves its dashboard.
import { identifier, literal } from '../../../src/postgres/quote.ts';
import { givenFile } from '../installation/config-file.ts';
import { type Cluster, givenCluster } from '../installation/installation.ts';
import { startTributary, type TestProcess } from '../processes/process.ts';
import { run } from '../processes/run-cli.ts';
import { until } from '../until.ts';

export interface Dashboard extends Cluster {
  readonly file: string;
  /** Where the page is, with a slash at its end. */
  readonly url: string;
  readonly process: TestProcess;
  /** Ends the program at once, and starts it again at the same address after `between`. */
  restart(between?: () => Promise<unknown>): Promise<void>;
  /** Events for a queue of a shard. */
  send(shard: number, queue: string, ...data: readonly string[]): Promise<void>;
  /** A shard takes no connections any more, or takes them again. */
  refuse(shard: number): Promise<void>;
  allow(shard: number): Promise<void>;
}

export const SHARDS = 8;

/** The last one has a name that would be seen if it were taken for more than a name. */
const nameOf = (at: number): string => (at === SHARDS - 1 ? `<b>app_${at}</b>` : `app_${at}`);

/** It would be seen as well. */
export const TYPE = 'placed <b>now</b>';

/** Fails on `bad`, until somebody has mended it. */
const HANDLER = `
export default {
  async event(event, { client }) {
    if (!event.data.startsWith('bad')) return;
    const { rows } = await client.query('select from mended');
    if (rows.length === 0) throw new Error('The address is not valid: <script>alert(document)</script>');
  },
};`;

export async function givenDashboard({ http = '' } = {}): Promise<Dashboard> {
  const cluster = await givenCluster({ shards: SHARDS });
  const { central, shards } = cluster;
  await central.query('create table mended ()');
  const file = givenFile(
    [
      'name: shop',
      `central: '${central.url}'`,
      'shards:',
      ...shards.map(({ url }, at) => `  - { name: '${nameOf(at)}', host: alpha, url: '${url}' }`),
      'queues:',
      '  orders: { create: true, workers: 2, handler: ./handle.mjs, retry: { attempts: 1 } }',
      '  payments: { create: true, workers: 1, handler: ./handle.mjs }',
      '  audit: { create: true, workers: none }',
      "schedules: { yearly: { cron: '0 3 1 1 *', queue: payments } }",
      `http: { listen: '127.0.0.1:0', actions: true${http} }`,
      '',
    ].join('\n'),
    { others: { 'handle.mjs': HANDLER } },
  );
  const installed = await run(['-c', file, 'install']);
  if (installed.code !== 0) throw new Error(installed.stderr + installed.stdout);
  const begin = async (address: string) => {
    const process = startTributary(['-c', file, 'start', '--host', 'alpha', '--http', address]);
    return { process, url: await addressOf(process) };
  };
  let started = await begin(':0');
  const allowed = async (shard: number, isAllowed: boolean) => {
    const name = shards[shard]?.name ?? '';
    await central.query(`alter database ${identifier(name)} with allow_connections ${isAllowed}`);
    if (!isAllowed)
      await central.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = ${literal(name)}`,
      );
  };
  return {
    ...cluster,
    file,
    get url() {
      return started.url;
    },
    get process() {
      return started.process;
    },
    async restart(between) {
      started.process.kill('SIGTERM');
      await started.process.exit;
      await between?.();
      started = await begin(`127.0.0.1:${new URL(started.url).port}`);
    },
    async send(shard, queue, ...data) {
      await shards[shard]?.query('select pgq.insert_event($1, $2, one) from unnest($3::text[]) one', [
        queue,
        TYPE,
        data,
      ]);
    },
    refuse: (shard) => allowed(shard, false),
    allow: (shard) => allowed(shard, true),
  };
}

const SERVING = /serving (http:\S+)\/livez/;

/** Of the page, once its program answers. */
export async function addressOf(process: TestProcess): Promise<string> {
  const url = `${SERVING.exec(await process.waitForLine(SERVING))?.[1]}/`;
  // Where a token is needed, that is said.
  await until(async () => [200, 401].includes((await fetch(`${url}livez`)).status), {
    what: 'a sign of life',
    timeoutMs: 30_000,
  });
  return url;
}
