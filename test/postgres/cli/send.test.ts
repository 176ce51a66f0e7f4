// `send` against a real database: what is stored, in which order and transactions, and what is said when it cannot be.
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { givenFile } from '../../support/installation/config-file.ts';
import { type Cluster, fileFor, givenCluster, givenQueue } from '../../support/installation/installation.ts';
import { run } from '../../support/processes/run-cli.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

const QUEUES = '  orders: { workers: none }';

interface Stored {
  readonly ev_type: string | null;
  readonly ev_data: string | null;
  readonly ev_extra1: string | null;
  readonly ev_extra4: string | null;
  readonly ev_txid: string;
}

async function givenShard(): Promise<{ cluster: Cluster; shard: TestDatabase; file: string }> {
  const cluster = await givenCluster();
  const shard = cluster.shards[0] as TestDatabase;
  await givenQueue(shard, 'orders');
  return { cluster, shard, file: givenFile(fileFor(cluster, { queues: QUEUES })) };
}

/** The queue is the first of its database. */
const storedOn = (shard: TestDatabase): Promise<Stored[]> =>
  shard.query<Stored>(
    'select ev_type, ev_data, ev_extra1, ev_extra4, ev_txid::text from pgq.event_1 order by ev_id',
  );

const sendArgs = (file: string, ...more: string[]) => [
  '-c',
  file,
  'send',
  'orders',
  '--shard',
  's1',
  ...more,
];
const stdinOf = (...lines: string[]) => Readable.from(lines.map((line) => Buffer.from(`${line}\n`)));
const numbered = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_item, at) => JSON.stringify({ data: { n: from + at } }));

describe('cli/commands/send', () => {
  test('one event with --data and --type', async () => {
    const { shard, file } = await givenShard();
    const ran = await run(sendArgs(file, '--type', 'created', '--data', ' as {it} is '));
    expect(ran).toEqual({ code: 0, stdout: '1 event sent to orders on s1.\n', stderr: '' });
    expect(await storedOn(shard)).toMatchObject([
      { ev_type: 'created', ev_data: ' as {it} is ', ev_extra1: null },
    ]);
  });

  test('lines of stdin keep their order, a thousand in each transaction', async () => {
    const { shard, file } = await givenShard();
    const stdin = stdinOf('{"type":"t","data":"text","extra1":"x","extra4":"y"}', '', ...numbered(2, 2_500));
    const ran = await run(sendArgs(file), { stdin });
    expect(ran).toEqual({ code: 0, stdout: '2,500 events sent to orders on s1.\n', stderr: '' });
    const rows = await storedOn(shard);
    expect(rows[0]).toMatchObject({ ev_type: 't', ev_data: 'text', ev_extra1: 'x', ev_extra4: 'y' });
    expect(rows.slice(1).map(({ ev_data }) => ev_data)).toEqual(
      Array.from({ length: 2_499 }, (_item, at) => `{"n":${at + 2}}`),
    );
    const sizes = new Map<string, number>();
    for (const { ev_txid } of rows) sizes.set(ev_txid, (sizes.get(ev_txid) ?? 0) + 1);
    expect([...sizes.values()]).toEqual([1_000, 1_000, 500]);
  });

  test('a bad line is named with its number; its transaction stores nothing, the ones before stay', async () => {
    const { shard, file } = await givenShard();
    const ran = await run(sendArgs(file), {
      stdin: stdinOf(...numbered(1, 1_200), '{"tpye":1}', ...numbered(1, 5)),
    });
    expect(ran).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'Line 1,201 has the unknown key "tpye": did you mean `type`? The 1,000 events before are stored.\n',
    });
    expect(await storedOn(shard)).toHaveLength(1_000);
  });

  test('an unknown shard or queue is wrong usage, with the nearest existing name', async () => {
    const { shard, file } = await givenShard();
    const args = (queue: string, name: string) => ['-c', file, 'send', queue, '--shard', name, '--data', 'x'];
    expect(await run(args('orders', 's11'))).toEqual({
      code: 2,
      stdout: '',
      stderr: `There is no shard \`s11\` in ${file}: did you mean \`s1\`?\n`,
    });
    expect(await run(args('order', 's1'))).toEqual({
      code: 2,
      stdout: '',
      stderr: 'Shard s1 has no queue `order`: did you mean `orders`?\n',
    });
    expect(await storedOn(shard)).toEqual([]);
  });

  test('a shard that is not there, without the database or with a wrong password, is one sentence without a secret', async () => {
    const { cluster } = await givenShard();
    const text = fileFor(cluster, { queues: QUEUES });
    const [shard] = cluster.shards;
    const broken = async (from: string | RegExp, to: string) =>
      run(sendArgs(givenFile(text.replaceAll(from, to)), '--data', 'x'));
    const missing = await broken(shard?.name ?? '', 'nowhere');
    expect(missing.code).toBe(1);
    expect(missing.stderr).toMatch(
      /^shard s1 \(\S+\) has no database of that name: .* Nothing was stored\.\n$/,
    );
    const closed = await broken(/@127\.0\.0\.1:\d+/g, '@127.0.0.1:1');
    expect(closed.stderr).toMatch(
      /^shard s1 \(127\.0\.0\.1:1\) refuses connections: .* Nothing was stored\.\n$/,
    );
    const refused = await broken(/:[^:@/]+@/g, ':wr0ng@');
    expect(refused.stderr).toMatch(/^shard s1 \(\S+\) refuses the password: .*\n$/);
    expect(refused.stderr).not.toContain('wr0ng');
  });

  test('on a signal it stores the lines that it has read, says how many, and ends with 1', async () => {
    const { shard, file } = await givenShard();
    const stop = new AbortController();
    const lines = [...numbered(1, 1_500)];
    const stdin = new Readable({ read() {} });
    stdin.push(lines.map((line) => `${line}\n`).join(''));
    const ended = run(sendArgs(file), { stdin, signal: stop.signal });
    await until(async () => (await storedOn(shard)).length === 1_000, { what: 'the first transaction' });
    stop.abort();
    expect(await ended).toEqual({
      code: 1,
      stdout: '',
      stderr: 'Stopped after line 1,500. The 1,500 events before are stored.\n',
    });
    expect(await storedOn(shard)).toHaveLength(1_500);
  });
});
