import { describe, expect, test } from 'vitest';
import { givenFile } from '../../support/installation/config-file.ts';
import { run } from '../../support/processes/run-cli.ts';

const FILE = `
central: postgresql://ann@127.0.0.1:1/central
shards: [{ name: s1, url: 'postgresql://ann@127.0.0.1:1/s1' }]
defaults: { tls: off }
queues:
  orders: { workers: 2, handler: ./orders.mjs }
  emails: { workers: none }
  later: { workers: 0 }
  parts: { groups: { one: { handler: ./orders.mjs }, two: { workers: 0 } } }
`;
const OTHERS = { 'orders.mjs': 'export default { event() {} };' };

async function wrong(...args: string[]): Promise<string> {
  const { code, stderr } = await run(['-c', givenFile(FILE, { others: OTHERS }), ...args]);
  expect(code).toBe(2);
  return stderr.replaceAll(/\/\S*\/shards\.yaml/g, 'FILE').trim();
}

describe('cli/commands/scale', () => {
  test.each([
    [['oders', '3'], 'There is no central queue oders in FILE: did you mean orders?'],
    [
      ['xyz', '3'],
      'There is no central queue xyz in FILE: the queues there are orders, emails, later, parts, parts/one, parts/two.',
    ],
    [
      ['orders'],
      'Say either a number or --reset: `tributary scale orders 4`, `tributary scale orders --reset`.',
    ],
    [
      ['orders', '3', '--reset'],
      'Say either a number or --reset: `tributary scale orders 4`, `tributary scale orders --reset`.',
    ],
    [['orders', '1.5'], 'The number of workers is a whole number from 0 to 1000, not 1.5.'],
    [['orders', 'many'], 'The number of workers is a whole number from 0 to 1000, not many.'],
    [['parts', '2'], 'Queue parts has several groups: say which one, parts/one or parts/two.'],
    [['parts/tow', '2'], 'There is no central queue parts/tow in FILE: did you mean parts/two?'],
    [['parts/two', '2'], 'Queue parts/two has no `handler:` in FILE, so that no worker could do anything.'],
    [['later', '2'], 'Queue later has no `handler:` in FILE, so that no worker could do anything.'],
  ])('%j is refused with a sentence', async (args, sentence) => {
    expect(await wrong('scale', ...args)).toBe(sentence);
  });

  test('a queue that is only forwarded has no workers to scale', async () => {
    expect(await wrong('scale', 'emails', '2')).toContain('Queue emails says `workers: none` in FILE');
  });

  test('a central that cannot be reached is one sentence', async () => {
    const { code, stderr } = await run(['-c', givenFile(FILE, { others: OTHERS }), 'scale', 'orders', '3']);
    expect({ code, stderr: stderr.trim() }).toEqual({
      code: 1,
      stderr:
        'Central refuses connections at 127.0.0.1:1: is the server running, and are host and port right?',
    });
  });
});

describe('cli/commands/group', () => {
  test('a group that the file has is not removed', async () => {
    expect(await wrong('group', 'remove', 'parts/one', '--yes')).toBe(
      'FILE has parts/one: take it out first, and let all hosts read the file again (`tributary reload`).',
    );
  });
});

describe('cli/commands/work', () => {
  test('an unknown queue is refused, with the nearest existing name', async () => {
    expect(await wrong('work', '--queue', 'orders', '--queue', 'latter')).toBe(
      'There is no central queue latter in FILE: did you mean later?',
    );
  });
});
