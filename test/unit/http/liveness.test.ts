// Which loops stand still, as somebody sees it who only looks.
import { describe, expect, onTestFinished, test } from 'vitest';
import { Liveness } from '../../../src/http/liveness.ts';
import type { SeenLoop } from '../../../src/lifecycle/watchdog.ts';
import { until } from '../../support/until.ts';

const STILL_MS = 200;

function given(loops: () => readonly SeenLoop[]): Liveness {
  const liveness = new Liveness({ loops, stillMs: STILL_MS });
  onTestFinished(() => liveness.close());
  return liveness;
}

/** Takes a turn each time it is looked at. */
function turning(name: string): SeenLoop {
  let turns = 0;
  return {
    name,
    get turns() {
      turns += 1;
      return turns;
    },
  };
}

const untilStill = (liveness: Liveness, names: readonly string[]) =>
  until(() => liveness.still.join() === names.join(), { what: `stillness of ${names.join()}` });

describe('http/liveness', () => {
  test('a loop that takes no turn is named, one that turns is not', async () => {
    const loops = [turning('a'), { name: 'b', turns: 7 }];
    const liveness = given(() => loops);
    expect(liveness.still).toEqual([]);
    await untilStill(liveness, ['b']);
  });

  test('a turn ends it', async () => {
    const loop = { name: 'a', turns: 0 };
    const liveness = given(() => [loop]);
    await untilStill(liveness, ['a']);
    loop.turns += 1;
    await untilStill(liveness, []);
  });

  test('of several parts each has to turn', async () => {
    const a = turning('a');
    const liveness = given(() => [{ name: 'lanes', turns: [a.turns as number, 3] }]);
    await untilStill(liveness, ['lanes']);
  });

  test('one that was begun anew stands still until it has taken a turn itself', async () => {
    let loop = { name: 'a', turns: 100 };
    let looks = 0;
    const liveness = given(() => {
      looks += 1;
      return [loop];
    });
    await untilStill(liveness, ['a']);
    loop = { name: 'a', turns: 0 };
    const lookedBefore = looks;
    await until(() => looks > lookedBefore + 2, { what: 'two looks' });
    expect(liveness.still).toEqual(['a']);
    loop.turns = 1;
    await untilStill(liveness, []);
  });

  test('a loop that is gone is forgotten', async () => {
    let loops: SeenLoop[] = [{ name: 'a', turns: 0 }];
    const liveness = given(() => loops);
    await untilStill(liveness, ['a']);
    loops = [];
    await untilStill(liveness, []);
  });
});
