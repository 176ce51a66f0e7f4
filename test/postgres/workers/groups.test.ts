// Two groups on one queue, with workers in this process: what happens to an event in one is nothing to the other.
import { describe, expect, test } from 'vitest';
import { CentralLink } from '../../../src/central/central-link.ts';
import { retryDead } from '../../../src/central/dead-retry.ts';
import { traceText } from '../../../src/cli/terminal/trace-text.ts';
import type { EventHandler } from '../../../src/handler/contract.ts';
import { traceOf } from '../../../src/observability/trace/trace.ts';
import { givenConfig } from '../../support/installation/config-file.ts';
import { until } from '../../support/until.ts';
import { givenWorker, numbers } from '../../support/workers/child-worker.ts';
import { GROUP, givenWorkerCentral } from '../../support/workers/worker-central.ts';

const COUNT = 120;
const isBad = (n: number) => n % 20 === 0;

describe('groups', () => {
  test('each handles every event exactly once; one that dies in a group leaves the others alone, and its retry too', async () => {
    const central = await givenWorkerCentral();
    for (const group of ['billing', 'search'])
      await central.query("select pgq.register_consumer('orders', $1)", [`${GROUP}/${group}`]);
    let isBroken = true;
    const handlerOf = (group: string): EventHandler => ({
      async event(event, { client }) {
        const { n } = event.json() as { n: number };
        await client.query('insert into effect (n, slot) values ($1, $2)', [n, group]);
        if (group === 'billing' && isBroken && isBad(n)) throw new Error('broken');
      },
    });
    for (const group of ['billing', 'search'])
      givenWorker(central, handlerOf(group), {
        ...{
          group: `${GROUP}/${group}`,
          groupName: group,
          work: `orders/${group}`,
          slot: `orders/${group}#1`,
        },
        retry: { attempts: 2, firstMs: 1, maxMs: 1 },
      });
    const handledBy = async (group: string) =>
      (await central.query<{ n: number }>('select n from effect where slot = $1 order by n', [group])).map(
        ({ n }) => n,
      );
    const dead = () =>
      central.query<{ group_name: string; n: number }>(
        'select group_name, (ev_data::json ->> $1)::int as n from tributary.dead_event where redriven_at is null order by 2',
        ['n'],
      );
    const bad = numbers(COUNT).filter(isBad);
    await central.produce('orders', COUNT);
    await until(
      async () => {
        await central.tick('orders');
        return (await dead()).length === bad.length && (await handledBy('search')).length >= COUNT;
      },
      { what: 'all of search, and the dead of billing' },
    );
    expect(await dead()).toEqual(bad.map((n) => ({ group_name: 'billing', n })));
    expect(await handledBy('search')).toEqual(numbers(COUNT));
    expect(await handledBy('billing')).toEqual(numbers(COUNT).filter((n) => !isBad(n)));

    const config = givenConfig(
      `name: test\ncentral: '${central.url}'\nshards: [postgresql://127.0.0.1:1/s]\nqueues: { orders: { groups: { billing: { workers: 0 }, search: { workers: 0 } } } }\n`,
    );
    const link = new CentralLink(config, 'dead');
    const report = async () => ({ at: new Date(), sources: [], central: [] });
    const [event] = await central.query<{ id: number }>(
      "select ev_id as id from pgq.event_1 where ev_owner is null and ev_data like '%: 20}'",
    );
    const traced = await traceOf(`orders:${event?.id}`, { config, central: link, report, withData: false });
    expect(traced).toMatchObject({
      state: 'dead',
      groups: [
        { group: 'billing', state: 'dead', dead: { kind: 'handler', redrivenAt: null } },
        { group: 'search', state: 'handled', dead: null },
      ],
    });
    expect(traceText(traced)).toMatch(/try 1 .*orders\/billing#1 .*\n(?:.*\n)*?try 2 .*orders\/billing#1 /);
    expect(traceText(traced)).toMatch(/try 1 .*orders\/search#1 /);
    expect(traceText(traced)).toMatch(/dead .*billing: dead event \d+ \(handler\) after 2 attempts/);
    expect(traced.tries.map(({ worker, became }) => `${worker} ${became}`).sort()).toEqual([
      'orders/billing#1 dead',
      'orders/billing#1 put-off',
      'orders/search#1 done',
    ]);

    isBroken = false;
    const { signal } = new AbortController();
    const upTo = Number.MAX_SAFE_INTEGER;
    const result = await retryDead(
      link,
      { queue: 'orders', upTo },
      { group: GROUP, perSecond: undefined, signal },
    );
    expect(result).toMatchObject({ retried: bad.length, waiting: 0 });
    await until(
      async () => {
        await central.tick('orders');
        return (await handledBy('billing')).length >= COUNT;
      },
      { what: 'the retried ones' },
    );
    expect(await handledBy('billing')).toEqual(numbers(COUNT));
    expect(await handledBy('search')).toEqual(numbers(COUNT));

    await link.close();
  });
});
