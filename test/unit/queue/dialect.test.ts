import { describe, expect, test } from 'vitest';
import { dialectOf } from '../../../src/queue/dialect.ts';
import { filesIn } from '../../support/pages/source-tree.ts';

/** Applied to the columns of a PgQ; what a server says of itself is the same for all of them. */
const FAMILY =
  /\btxid_(snapshot|visible|current_snapshot)|\bpg_visible_in_snapshot|\bpg_snapshot_\w+\((?!pg_current_snapshot\(\))|\bxid8\b/;

describe('queue/dialect', () => {
  test('no other file of the sources names the types of a shard: each statement works on PgQ and on PgQue', () => {
    const named = [...filesIn('src', '.ts'), ...filesIn('sql/shard', '.sql')]
      .filter(({ path, text }) => !path.endsWith('queue/dialect.ts') && FAMILY.test(withoutComments(text)))
      .map(({ path }) => path);
    expect(named).toEqual([]);
  });

  test('the types of the snapshots decide which statements are used', () => {
    expect(dialectOf('txid_snapshot')).toMatchObject({ xid: 'bigint', xmax: 'txid_snapshot_xmax' });
    expect(dialectOf('pg_snapshot')).toMatchObject({ xid: 'xid8', xmax: 'pg_snapshot_xmax' });
  });
});

const withoutComments = (text: string) => text.replace(/^\s*(\/\/|--|\*|\/\*).*$/gm, '');
