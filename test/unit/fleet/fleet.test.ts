import { writeFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { Fleet } from '../../../src/fleet/fleet.ts';
import { givenFile } from '../../support/installation/config-file.ts';
import { until } from '../../support/until.ts';

const text = (name: string) =>
  [
    "central: 'postgres://ann@localhost/central'",
    `shards: [{ name: ${name}, url: 'postgres://ann@localhost/${name}' }]`,
    'queues: { orders: { workers: none } }',
    '',
  ].join('\n');

/** A process that has read the file as it is now. */
function givenFleet(file: string) {
  const load = () => loadConfig(file, { env: {} });
  const { config } = load();
  if (config === undefined) throw new Error('A mistake in the file of the test.');
  const taken: string[] = [];
  const fleet = new Fleet({
    ...{ config, load, env: {}, onOccurrence: () => {} },
    onTaken: ({ shards }) => void taken.push(...shards.map(({ name }) => name)),
  });
  const ended = fleet.run();
  onTestFinished(async () => {
    await fleet.stop();
    await ended;
  });
  return { fleet, taken };
}

test('a request that came before the first look is answered by reading, where the file is another one by then', async () => {
  const file = givenFile(text('one'));
  const { fleet, taken } = givenFleet(file);
  // The process has read its file, and has not asked central yet.
  writeFileSync(file, text('two'));
  fleet.noteAsked(7);
  await until(() => fleet.stand.asked === 7, { what: 'an answer' });
  expect(taken).toEqual(['two']);

  const same = givenFleet(file);
  same.fleet.noteAsked(7);
  expect(same.fleet.stand.asked).toBe(7);
  same.fleet.noteAsked(8);
  await until(() => same.fleet.stand.asked === 8, { what: 'an answer' });
  expect(same.taken).toEqual(['two']);
});
