// The visibility proof: random schedules of writers, ticks, rotations, late committers, savepoints and prepared transactions
// against the mover's reading path. TRIBUTARY_SCHEDULES says how many, TRIBUTARY_SEED which.
import { describe, expect, test } from 'vitest';
import { randomFrom } from '../../support/random.ts';
import { givenDatabase, provider } from '../../support/server/database.ts';
import { givenPgque } from '../../support/server/pgque.ts';
import { Lane, type ScheduleOutcome } from './schedule.ts';

const SCHEDULES = Number(process.env.TRIBUTARY_SCHEDULES ?? 40);
const LANES = 3;
const STEPS = 40;

function faultsOf({ committed, moved }: ScheduleOutcome): Record<string, readonly string[]> {
  const arrived = moved.map(({ data }) => data);
  const known = new Set(committed);
  const found = new Set(arrived);
  return {
    lost: committed.filter((data) => !found.has(data)),
    invented: arrived.filter((data) => !known.has(data)),
    twice: arrived.filter((data, at) => arrived.indexOf(data) !== at),
    disordered: moved
      .filter(({ id, window }, at) => {
        const before = moved.slice(0, at).findLast((one) => one.window === window);
        return before !== undefined && before.id > id;
      })
      .map(({ data }) => data),
  };
}

describe('shards/copy-out', () => {
  test.each([
    { what: provider(), given: () => givenDatabase(), isGuarded: provider() === 'engine' },
    { what: 'columns of xid8 and pg_snapshot', given: () => givenPgque({ schema: 'pgq' }), isGuarded: false },
  ])(
    `${SCHEDULES} random schedules on $what: every committed event is read exactly once, none is invented`,
    {
      timeout: 60_000 + SCHEDULES * 1_000,
    },
    async ({ given, isGuarded }) => {
      const { seed } = randomFrom(Number(process.env.TRIBUTARY_SEED ?? Math.floor(Math.random() * 2 ** 31)));
      process.stdout.write(`TRIBUTARY_SEED=${seed} TRIBUTARY_SCHEDULES=${SCHEDULES}\n`);
      let events = 0;
      const runLane = async (lane: number) => {
        const random = randomFrom(seed + lane);
        const shard = await Lane.open(await given(), random, isGuarded);
        for (let schedule = lane; schedule < SCHEDULES; schedule += LANES) {
          const outcome = await shard.run(STEPS);
          events += outcome.moved.length;
          const none = { lost: [], invented: [], twice: [], disordered: [] };
          const history = outcome.steps.slice(-200).join('\n');
          expect(faultsOf(outcome), `seed ${seed}, schedule ${schedule}:\n${history}`).toEqual(none);
        }
      };
      await Promise.all(Array.from({ length: LANES }, (_, lane) => runLane(lane)));
      expect(events).toBeGreaterThan(SCHEDULES);
    },
  );
});
