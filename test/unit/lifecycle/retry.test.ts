import { describe, expect, test } from 'vitest';
import { repeat, retry } from '../../../src/lifecycle/retry.ts';

const QUICK = { firstMs: 1, maxMs: 4, random: () => 1 };

describe('lifecycle/retry', () => {
  test('work that fails is tried again, at growing intervals, until it succeeds', async () => {
    const seen: unknown[] = [];
    let tries = 0;
    const result = await retry(
      async () => {
        tries += 1;
        if (tries < 5) throw new Error(`no ${tries}`);
        return 'yes';
      },
      {
        backoff: QUICK,
        onFailure: (error, { failures, waitMs }) =>
          void seen.push([(error as Error).message, failures, waitMs]),
      },
    );
    expect(result).toBe('yes');
    expect(seen).toEqual([
      ['no 1', 1, 1],
      ['no 2', 2, 2],
      ['no 3', 3, 4],
      ['no 4', 4, 4],
    ]);
  });

  test('an error thrown while a failure is reported ends the loop', async () => {
    const attempt = async () => {
      throw new Error('for good');
    };
    const tools = {
      backoff: QUICK,
      onFailure: (error: unknown) => {
        throw error;
      },
    };
    await expect(retry(attempt, tools)).rejects.toThrow('for good');
    await expect(repeat(attempt, { ...tools, signal: new AbortController().signal })).rejects.toThrow(
      'for good',
    );
  });

  test('a stop ends the wait for the next try, however long it is', async () => {
    const stopped = new AbortController();
    const tools = {
      backoff: { firstMs: 1_000_000, maxMs: 1_000_000 },
      signal: stopped.signal,
      onFailure: () => void setImmediate(() => stopped.abort()),
    };
    const attempt = async () => {
      throw new Error('away');
    };
    expect(await retry(attempt, tools)).toBeUndefined();
    await repeat(attempt, tools);
  });

  test('turns follow one another; after one that went well for a while the intervals begin anew', async () => {
    const stopped = new AbortController();
    const failures: number[] = [];
    const turns = ['fails', 'fails', 'well, then fails', 'done', 'fails'];
    await repeat(
      async (onWell) => {
        const turn = turns.shift();
        if (turn === undefined) return stopped.abort();
        if (turn.startsWith('well')) onWell();
        if (turn.endsWith('fails')) throw new Error(turn);
      },
      {
        backoff: QUICK,
        signal: stopped.signal,
        onFailure: (_, failure) => void failures.push(failure.failures),
      },
    );
    expect(failures).toEqual([1, 2, 1, 1]);
  });
});
