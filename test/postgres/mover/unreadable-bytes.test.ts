// Bytes that central cannot take for text: of a shard that takes whatever it is given, and of one whose characters ours lacks.
import { describe, expect, test } from 'vitest';
import { install } from '../../../src/install/install.ts';
import { Mover } from '../../../src/mover/mover.ts';
import { configFor, givenEvents } from '../../support/installation/installation.ts';
import { givenDatabase, type TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

const QUEUES = '  orders: { workers: none, create: true }\n  emails: { workers: none, create: true }';

async function dataIn(central: TestDatabase, queue: string): Promise<string[]> {
  const [table] = await central.query<{ name: string }>(
    'select queue_data_pfx as name from pgq.queue where queue_name = $1',
    [queue],
  );
  const rows = await central.query<{ data: string }>(
    `select ev_data as data from ${table?.name} order by ev_id`,
  );
  return rows.map(({ data }) => data);
}

interface Bytes {
  readonly encoding: 'SQL_ASCII' | 'WIN1252';
  /** As they are written in a literal. */
  readonly bad: string;
  /** As they are kept. */
  readonly kept: string;
  readonly sqlstate: string;
  /** `Zürich` in this encoding. */
  readonly good: string;
}

const CASES: readonly Bytes[] = [
  {
    encoding: 'SQL_ASCII',
    bad: String.raw`E'Z\xfcrich \xe2\x82'`,
    kept: String.raw`\x5afc7269636820e282`,
    sqlstate: '22021',
    good: String.raw`E'Z\xc3\xbcrich'`,
  },
  {
    encoding: 'WIN1252',
    bad: String.raw`E'Z\xfcrich \x81'`,
    kept: String.raw`\x5afc726963682081`,
    sqlstate: '22P05',
    good: String.raw`E'Z\xfcrich'`,
  },
];

describe('mover/gather/refused-events', () => {
  test.each(CASES)(
    'an event of a $encoding shard that is no text for central is kept as it is, its neighbours are moved',
    async ({ encoding, bad, kept, sqlstate, good }) => {
      const central = await givenDatabase();
      const [shard, other] = [await givenDatabase({ encoding }), await givenDatabase()];
      const config = configFor({ central, shards: [shard, other] }, { queues: QUEUES });
      expect((await install(config)).flatMap(({ mistakes }) => mistakes)).toEqual([]);
      await givenEvents(shard, 'orders', 20);
      const [inserted] = await shard.query<{ id: number }>(
        `select pgq.insert_event('orders', 'test', ${bad}) as id`,
      );
      await givenEvents(shard, 'orders', 20);
      await shard.query(`select pgq.insert_event('emails', 'test', ${good})`);
      await givenEvents(other, 'orders', 5);
      const mover = new Mover({ config, host: '127.0.0.1', onOccurrence: () => {} });
      const ended = mover.run();
      await until(async () => (await dataIn(central, 'orders')).length === 45, { what: '45 orders' });
      await until(async () => (await dataIn(central, 'emails')).length === 1, { what: 'the email' });
      await givenEvents(shard, 'orders', 3);
      await until(async () => (await dataIn(central, 'orders')).length === 48, { what: 'three more' });
      await mover.stop();
      await ended;
      expect(await dataIn(central, 'emails')).toEqual(['Zürich']);
      const dead = await central.query(
        `select kind, origin, sqlstate, position('${kept}'::bytea in raw) > 0 as has_bytes from tributary.dead_event`,
      );
      expect(dead).toEqual([
        { kind: 'poison', origin: `s1:orders:${inserted?.id}`, sqlstate, has_bytes: true },
      ]);
    },
  );
});
