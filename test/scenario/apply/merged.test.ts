// Tables of four shards, merged into one while they change at random: rows of before copied, movers, workers and the copy killed.
import { describe, expect, test } from 'vitest';
import {
  capture,
  givenMergedSales,
  givenSales,
  QUEUE,
  salesOf,
  startChanges,
} from '../../support/apply/sales.ts';
import { givenFile } from '../../support/installation/config-file.ts';
import { fileFor, givenCluster } from '../../support/installation/installation.ts';
import { blockOf, markedBlocks } from '../../support/pages/blocks.ts';
import { childrenOf } from '../../support/processes/children.ts';
import { startTributary } from '../../support/processes/process.ts';
import { run } from '../../support/processes/run-cli.ts';
import { randomFrom } from '../../support/random.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

const ROWS = 1_500;
/** The example of the page goes beside it, on the first shard. */
const blocks = markedBlocks('docs/apply.md');
const textOf = (mark: string) => blockOf(blocks, mark);

interface ComparedJson {
  readonly tables: readonly {
    readonly shard: string;
    readonly onShard: number;
    readonly onCentral: number;
    readonly different: number;
    readonly repaired: number;
    readonly rows: readonly { readonly key: readonly string[]; readonly what: string }[];
  }[];
  readonly troubles: readonly unknown[];
}

describe.skipIf(process.platform !== 'linux')('apply, copy and compare', () => {
  test('four shards end in one table with the same rows, whatever is killed meanwhile; rows that differ are found and repaired', {
    timeout: 240_000,
  }, async () => {
    const random = randomFrom();
    const cluster = await givenCluster({ shards: 4 });
    const { central, shards } = cluster;
    const file = givenFile(
      fileFor(cluster, {
        queues: `  ${QUEUE}: { create: true, workers: 2, lanes: 16, retry: { first: 100ms, max: 1s }, apply: { table: public.sales, key: [shard, id] } }\n${textOf('queues').replace(/^/gm, '  ')}`,
        more: textOf('capture'),
      }),
    );
    const tributary = (...args: string[]) => run(['-c', file, ...args]);
    await givenMergedSales(central);
    await Promise.all(shards.map((shard) => givenSales(shard, ROWS)));
    const [one] = shards as [TestDatabase, ...TestDatabase[]];
    await central.query(textOf('central'));
    for (const shard of shards) await (await shard.connect()).script(textOf('shard'));
    expect((await tributary('install')).code).toBe(0);
    const unsafe = await tributary('apply', 'copy', QUEUE);
    expect(unsafe.code).toBe(1);
    expect(unsafe.stderr).toContain(
      `Table public.sales of shard s1 has no trigger that puts each insert, update and delete into queue ${QUEUE}, so changes made meanwhile would be lost. Capture it first, then run this again.`,
    );
    await Promise.all(shards.map((shard) => capture(shard)));

    const start = async () => {
      const host = startTributary(['-c', file, 'start']);
      await host.waitForLine(/starting: /);
      return host;
    };
    const changes = await Promise.all(
      shards.map((shard) =>
        startChanges(shard, { most: 2 * ROWS, seed: random.below(2 ** 31), truncates: true }),
      ),
    );
    let host = await start();
    const isApplied = async () =>
      ((await central.query<{ n: number }>('select count(*) as n from sales'))[0]?.n ?? 0) > 100;
    await until(isApplied, { what: 'applied changes', timeoutMs: 60_000 });

    // The copy is killed in its middle and goes on.
    const first = startTributary(['-c', file, 'apply', 'copy', QUEUE]);
    const copied = async () =>
      (
        await central.query<{ rows: number }>(
          'select coalesce(sum(rows), 0) as rows from tributary.apply_copy',
        )
      )[0]?.rows ?? 0;
    await until(async () => Number(await copied()) > 0, { what: 'a piece', timeoutMs: 60_000 });
    first.kill('SIGKILL');
    await first.exit;
    for (let round = 0; round < 2; round += 1) {
      const victims = childrenOf(host);
      const all = changes.reduce((sum, { transactions }) => sum + transactions, 0);
      if (round === 1) host.kill('SIGKILL');
      for (const pid of victims) process.kill(pid, 'SIGKILL');
      if (round === 1) {
        await host.exit;
        host = await start();
      }
      await until(() => changes.reduce((sum, { transactions }) => sum + transactions, 0) > all + 100, {
        what: 'changes',
        timeoutMs: 60_000,
      });
    }
    const copy = await tributary('apply', 'copy', QUEUE, '--json');
    expect(copy.stderr).toBe('copied 1 of 4\ncopied 2 of 4\ncopied 3 of 4\ncopied 4 of 4\n');
    expect(JSON.parse(copy.stdout).tables).toMatchObject(
      shards.map((_, at) => ({ shard: `s${at + 1}`, state: 'copied' })),
    );
    // While all goes on, nothing is taken for a difference that is only late.
    const meanwhile = await tributary('compare', QUEUE, '--json');
    expect(JSON.parse(meanwhile.stdout).tables, `seed ${random.seed}`).toMatchObject(
      shards.map((_, at) => ({ shard: `s${at + 1}`, different: 0 })),
    );
    for (const one of changes) await one.stop();
    const compared = async (...more: string[]) => {
      const { code, stdout } = await tributary('compare', QUEUE, '--json', ...more);
      return { code, ...(JSON.parse(stdout) as ComparedJson) };
    };
    const clean = await compared();
    expect(clean, `seed ${random.seed}`).toMatchObject({ code: 0, troubles: [] });
    for (const [at, shard] of shards.entries()) {
      const theirs = await salesOf(shard);
      expect(await salesOf(central, `s${at + 1}`), `seed ${random.seed}`).toEqual(theirs);
      expect(clean.tables[at]).toMatchObject({ onShard: theirs.length });
    }
    expect(await central.query('select * from tributary.dead_event')).toEqual([]);

    // What somebody does to the table on central is found, named and mended.
    await central.query(
      "delete from sales where (shard, id) = (select shard, min(id) from sales where shard = 's1' group by 1)",
    );
    await central.query(
      "update sales set note = 'other' where (shard, id) = (select shard, max(id) from sales where shard = 's1' group by 1)",
    );
    await central.query("insert into sales (shard, id, serial) values ('s2', -5, 0)");
    const found = await compared();
    expect(found.code).toBe(3);
    expect(found.tables.map(({ rows }) => rows.map(({ what }) => what).sort())).toEqual([
      ['different', 'missing'],
      ['surplus'],
      [],
      [],
    ]);
    expect(found.tables[1]?.rows).toEqual([{ key: ['-5'], what: 'surplus' }]);
    expect(await compared('--repair')).toMatchObject({
      code: 0,
      tables: [{ repaired: 2 }, { repaired: 1 }, { repaired: 0 }, { repaired: 0 }],
    });
    expect(await compared()).toMatchObject({ code: 0, tables: Array(4).fill({ different: 0 }) });
    // The page's example: one row of before, and one of after.
    await one.query("insert into orders (id, note, price) values (2, 'new', 0.1)");
    expect((await tributary('apply', 'copy', 'orders_changes')).code).toBe(0);
    const example = await tributary('compare', 'orders_changes');
    expect(example.code, example.stdout + example.stderr).toBe(0);
    expect(await central.query('select shard, id, note from orders order by id, shard')).toEqual([
      ...shards.map((_, at) => ({ shard: `s${at + 1}`, id: 1, note: 'from before' })),
      { shard: 's1', id: 2, note: 'new' },
    ]);
    host.kill('SIGTERM');
    await host.exit;
  });
});
