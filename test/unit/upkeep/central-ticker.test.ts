import { describe, expect, test } from 'vitest';
import type { CentralLink } from '../../../src/central/central-link.ts';
import { CentralTicker } from '../../../src/upkeep/central-ticker.ts';
import { until } from '../../support/until.ts';

describe('upkeep/central-ticker', () => {
  test('an older transaction that another lane commits while a newer one is ticked is ticked as well', async () => {
    const asked: unknown[] = [];
    const ticker = new CentralTicker(
      {
        query: async (_text: string, [, xid]: unknown[]) => {
          asked.push(xid);
          // It was open in the snapshot of this tick.
          if (asked.length === 1) ticker.committed('orders', 100, 'large');
          return [{ covered: true }];
        },
        close: async () => {},
      } as unknown as CentralLink,
      { onTrouble: () => {} },
    );
    const ended = ticker.run();
    ticker.committed('orders', 200, 'quick');
    await until(() => asked.length === 2, { what: 'the tick for the older one' });
    await ticker.stop();
    await ended;
    expect(asked).toEqual([200, 100]);
  });

  test('of each lane only the newest transaction is asked for, until a tick covers it', async () => {
    const asked: unknown[] = [];
    const ticker = new CentralTicker(
      {
        query: async (_text: string, [, xid]: unknown[]) => {
          asked.push(xid);
          if (asked.length === 1) for (const newer of [101, 102]) ticker.committed('orders', newer, 'quick');
          return [{ covered: asked.length !== 2 }];
        },
        close: async () => {},
      } as unknown as CentralLink,
      { onTrouble: () => {} },
    );
    const ended = ticker.run();
    ticker.committed('orders', 100, 'quick');
    await until(() => asked.length === 3, { what: 'the tick for the newest' });
    await ticker.stop();
    await ended;
    expect(asked).toEqual([100, 102, 102]);
  });
});
