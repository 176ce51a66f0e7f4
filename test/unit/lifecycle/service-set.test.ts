import { describe, expect, test, vi } from 'vitest';
import { ServiceSet, type WatchedService } from '../../../src/lifecycle/service-set.ts';
import { type Loop, Watchdog } from '../../../src/lifecycle/watchdog.ts';
import { until } from '../../support/until.ts';

const STILL_MS = 200;

/** A service that goes round until it is told to stop, or hangs. */
class Fake implements WatchedService {
  readonly name: string;
  turns = 0;
  isHanging = false;
  isAbandoned = false;
  ends = () => {};
  readonly #stopped = new Promise<void>((resolve) => {
    this.ends = resolve;
  });
  /** What stopping takes, besides being told to. */
  drained: Promise<void> = Promise.resolve();

  constructor(name: string) {
    this.name = name;
  }

  async run(): Promise<void> {
    const timer = setInterval(() => {
      if (!this.isHanging) this.turns += 1;
    }, 5);
    await this.#stopped;
    await this.drained;
    clearInterval(timer);
  }

  async stop(): Promise<void> {
    if (!this.isHanging) this.ends();
  }

  abandon(): void {
    this.isAbandoned = true;
  }
}

function given() {
  const made: Fake[] = [];
  const still: string[] = [];
  const watchdog = new Watchdog({ stillMs: STILL_MS, onStill: ({ name }) => still.push(name) });
  const set = new ServiceSet(watchdog, (name) => {
    const fake = new Fake(name);
    made.push(fake);
    return fake;
  });
  return { made, still, set, watchdog };
}

describe('lifecycle/service-set', () => {
  test('a part that is started while it ends is started after that, and no earlier ending undoes it', async () => {
    const { made, set } = given();
    set.begin('a');
    let drained = () => {};
    (made[0] as Fake).drained = new Promise((resolve) => {
      drained = resolve;
    });
    const ending = set.end('a');
    set.begin('a');
    expect(made).toHaveLength(1);
    expect(set.services).toEqual([]);
    drained();
    await ending;
    await until(() => set.services[0] === made[1] && made[1] !== undefined, { what: 'the next one' });
    await set.endAll();
    expect(made).toHaveLength(2);
  });

  test('a part that hangs is named, ended and restarted; the others go on', async () => {
    const { made, still, set } = given();
    for (const name of ['a', 'b']) set.begin(name);
    await until(() => made.every(({ turns }) => turns > 3), { what: 'turns' });
    expect(still).toEqual([]);
    (made[0] as Fake).isHanging = true;
    await until(() => made.length === 3, { what: 'another one' });
    expect(still).toEqual(['a']);
    expect(made.map(({ name, isAbandoned }) => [name, isAbandoned])).toEqual([
      ['a', true],
      ['b', false],
      ['a', false],
    ]);
    expect(new Set(set.services)).toEqual(new Set([made[1], made[2]]));
    await set.endAll();
  });

  test('the wait for a part that hangs while it ends is limited', async () => {
    const { made, still, set } = given();
    set.begin('a');
    (made[0] as Fake).isHanging = true;
    await set.end('a');
    expect(still).toEqual(['a']);
    expect(made).toHaveLength(1);
  });

  test('a part that hangs is detected beside others that go on', async () => {
    const { still, watchdog } = given();
    const parts = [0, 0];
    const loop: Loop = {
      name: 'lanes',
      get turns() {
        parts[0] = (parts[0] as number) + 1;
        return [...parts];
      },
      abandon: () => {},
    };
    const onStill = vi.fn();
    watchdog.watch(loop, onStill);
    await until(() => onStill.mock.calls.length > 0, { what: 'the watchdog' });
    expect(still).toEqual(['lanes']);
  });
});
