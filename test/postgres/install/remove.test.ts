// docs/upgrading.md, "Removing it": after its statements nothing of ours is left.
import { expect, test } from 'vitest';
import { install } from '../../../src/install/install.ts';
import { configFor, givenCluster } from '../../support/installation/installation.ts';
import { blockOf, markedBlocks } from '../../support/pages/blocks.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { provider } from '../../support/server/provider.ts';

const BLOCKS = markedBlocks('docs/upgrading.md');

// The extension is removed as extensions are.
test.skipIf(provider() !== 'engine')(
  'the statements of the page remove all that install has made',
  async () => {
    const cluster = await givenCluster();
    const { central } = cluster;
    const [shard] = cluster.shards as [TestDatabase];
    const config = configFor(cluster, { queues: '  orders: { workers: 0, create: true }' });
    const schemasOf = async (database: TestDatabase) => {
      const rows = await database.query<{ name: string }>(
        "select nspname as name from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' order by 1",
      );
      return rows.map(({ name }) => name);
    };
    expect((await install(config)).flatMap(({ mistakes }) => mistakes)).toEqual([]);
    expect(await schemasOf(central)).toEqual(['pgq', 'pgq_coop', 'pgq_ext', 'public', 'tributary']);
    await shard.query(blockOf(BLOCKS, 'remove the engine'));
    await central.query(blockOf(BLOCKS, 'remove from central'));
    await central.query(blockOf(BLOCKS, 'remove the engine'));
    expect([await schemasOf(shard), await schemasOf(central)]).toEqual([['public'], ['public']]);
    // And it may come again.
    expect((await install(config)).flatMap(({ mistakes }) => mistakes)).toEqual([]);
  },
);
