// Which loops stand still, as somebody sees it who only looks.
import { describe, expect, onTestFinished, test } from 'vitest';
import { Liveness } from '../../../src/http/health/liveness.ts';
import type { SeenLoop } from '../../../src/lifecycle/watchdog.ts';
import { until } from '../../support/until.ts';

/** A look every five ms. */
const STILL_MS = 50;
const LOOKS = 10;

/**
 * At which looks something is said to stand still.
 * @param turnsAt what each look sees; undefined: the loop is gone.
 */
async function stillAt(
  looks: number,
  turnsAt: (look: number) => SeenLoop['turns'] | undefined,
): Promise<number[]> {
  const still: number[] = [];
  let look = -1;
  const liveness: Liveness = new Liveness({
    stillMs: STILL_MS,
    loops: () => {
      // As the look before has left it.
      if (look >= 0 && liveness.still.length > 0) still.push(look);
      look += 1;
      const turns = turnsAt(look);
      return turns === undefined ? [] : [{ name: 'a', turns }];
    },
  });
  onTestFinished(() => liveness.close());
  await until(() => look > looks, { what: `${looks} looks` });
  liveness.close();
  return still.filter((one) => one < looks);
}

const from = (first: number, end: number) => Array.from({ length: end - first }, (_, at) => first + at);

describe('http/liveness', () => {
  test('a loop that turns is alive', async () => {
    expect(await stillAt(50, (look) => look)).toEqual([]);
  });

  test('one that takes no turn for long is not yet: it is begun anew', async () => {
    expect(await stillAt(60, (look) => (look < 19 ? 7 : look))).toEqual([]);
  });

  test('one that takes none for as long again is not alive', async () => {
    expect(await stillAt(50, () => 7)).toEqual(from(2 * LOOKS, 50));
  });

  test('one that is begun anew, does something, and stands still once more is not alive', async () => {
    // Its successor counts from 0, comes as far as 3, and no further.
    expect(await stillAt(50, (look) => (look < 12 ? 100 : Math.min(3, look - 12)))).toEqual(from(25, 50));
  });

  test('it is alive once it has turned for as long', async () => {
    expect(await stillAt(60, (look) => (look <= 30 ? 7 : look))).toEqual(from(2 * LOOKS, 40));
  });

  test('of several parts each has to turn', async () => {
    expect(await stillAt(30, (look) => [look, 3])).toEqual(from(2 * LOOKS, 30));
  });

  test('a loop that is gone is forgotten', async () => {
    expect(await stillAt(40, (look) => (look < 25 ? 7 : undefined))).toEqual(from(2 * LOOKS, 25));
  });
});
