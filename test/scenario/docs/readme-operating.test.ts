// What docs/operating.md tells an operator to do by hand does what it says.
import { describe, expect, test } from 'vitest';
import { givenFile } from '../../support/installation/config-file.ts';
import { fileFor, givenCluster } from '../../support/installation/installation.ts';
import { blockOf, markedBlocks } from '../../support/pages/blocks.ts';
import { run } from '../../support/processes/run-cli.ts';

const blocks = markedBlocks('docs/operating.md');
const textOf = (mark: string) => blockOf(blocks, mark);

describe('docs/operating', () => {
  test('after the statements that remove a shard its rotation is not held back, central has forgotten it, and it can begin anew', async () => {
    const cluster = await givenCluster({ shards: 2 });
    const [kept, gone] = cluster.shards;
    if (kept === undefined || gone === undefined) throw new Error('no shards');
    const options = { queues: '  orders: { workers: none, create: true }' };
    const both = givenFile(fileFor(cluster, options));
    const one = givenFile(fileFor({ ...cluster, shards: [kept] }, options));
    expect((await run(['-c', both, 'install'])).code).toBe(0);
    const sources = async () =>
      JSON.parse((await run(['-c', one, 'lag', '--json'])).stdout).sources.map(
        ({ shard }: { shard: string }) => shard,
      );
    expect(await sources()).toEqual(['s1', 's2']);

    await gone.query(textOf('let go on the shard'));
    await cluster.central.query(textOf('let go on central').replace('app_017', 's2'));

    expect(await gone.query('select consumer_name from pgq.get_consumer_info()')).toEqual([]);
    expect(await sources()).toEqual(['s1']);
    expect((await run(['-c', both, 'install'])).code).toBe(0);
    expect(await sources()).toEqual(['s1', 's2']);
  });
});
