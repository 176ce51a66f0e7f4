import { afterEach, describe, expect, test, vi } from 'vitest';
import { coopExpire, coopNextBatch, coopOpenBatches, coopTouch } from '../../../src/queue/coop.ts';
import { SilentMembers } from '../../../src/workers/primary/silent-members.ts';
import { GROUP, givenWorkerCentral, type WorkerCentral } from '../../support/workers/worker-central.ts';

const MEMBER = { queue: 'orders', group: GROUP, knowsProgress: true };

afterEach(() => {
  vi.restoreAllMocks();
});

/** A batch that `orders#1` has open, and a host that watches it by a clock of the test. */
async function givenBatch() {
  const central = await givenWorkerCentral();
  await central.produce('orders', 1);
  await central.tick('orders');
  const batch = await coopNextBatch(central, { ...MEMBER, member: 'orders#1' });
  const members = new SilentMembers(() => [{ queues: ['orders'], group: GROUP }]);
  let nowMs = 1_000;
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
  return {
    central,
    token: batch?.token ?? 0,
    async look(passedMs: number) {
      nowMs += passedMs;
      await members.look(central);
    },
  };
}

const taken = (central: WorkerCentral) => coopNextBatch(central, { ...MEMBER, member: 'orders#2' });
/** What a step of central's clock does to a sign of life. */
const step = (central: WorkerCentral, by: string) =>
  central.query(
    'update pgq.subscription set sub_active = sub_active - $1::interval where sub_batch is not null',
    [by],
  );

describe('workers/primary/silent-members', () => {
  test('a member that gives no sign during twelve seconds of unbroken checks loses its batch', async () => {
    const { central, look } = await givenBatch();
    for (const ms of [0, 3_000, 3_000, 3_000, 2_999]) await look(ms);
    expect(await taken(central)).toBeUndefined();
    await look(1);
    expect(await taken(central)).toMatchObject({ takenOverFrom: 'orders#1' });
  });

  test('a step of the clock of central takes no batch from any member', async () => {
    const { central, token, look } = await givenBatch();
    for (let round = 0; round < 8; round++) {
      await step(central, '1 hour');
      await look(3_000);
      expect(await taken(central)).toBeUndefined();
      await coopTouch(central, token);
    }
  });

  test('a stall of central or of the checking host begins the twelve seconds anew', async () => {
    const { central, look } = await givenBatch();
    for (const ms of [0, 3_000, 3_000, 60_000, 3_000, 3_000, 3_000]) await look(ms);
    expect(await taken(central)).toBeUndefined();
    await look(3_000);
    expect(await taken(central)).toMatchObject({ takenOverFrom: 'orders#1' });
  });

  test('a sign that comes after the check keeps the batch', async () => {
    const { central, token } = await givenBatch();
    const [seen] = await coopOpenBatches(central, { queues: ['orders'], group: GROUP });
    await coopTouch(central, token);
    expect(await coopExpire(central, seen ?? { token, active: '' })).toBe(false);
    expect(await taken(central)).toBeUndefined();
  });
});
