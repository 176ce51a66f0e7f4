import { describe, expect, test } from 'vitest';
import { differingFiles, type HostFile, moverRemedy } from '../../../src/central/host-files.ts';

const of = (host: string, kind: HostFile['kind'], hash: string, ageSeconds = 60): HostFile => ({
  host,
  kind,
  hash,
  ageSeconds,
});
const ours = { hash: 'new', file: 'shards.yaml' };

describe('central/host-files', () => {
  test('hosts that all run with one file give no sentence, whichever file the command has', () => {
    expect(differingFiles([], ours)).toBeUndefined();
    expect(differingFiles([of('a', 'mover', 'old'), of('b', 'work', 'old')], ours)).toBeUndefined();
  });

  test('of hosts with different files each is named, with how long it has run with it', () => {
    const running = [of('a', 'mover', 'new', 65), of('a', 'work', 'new', 60), of('b', 'work', 'old', 7_200)];
    expect(differingFiles(running, ours)).toBe(
      'Hosts run with different files: the mover on a, workers on a for 1 m 5 s with shards.yaml; workers on b for 2 h. Bring the newest file to all of them and run `tributary reload`.',
    );
    expect(differingFiles(running, { ...ours, hash: 'newer' })).toContain('None of them is shards.yaml.');
  });

  test.each([
    ['a', [], 'start `tributary mover --host a`'],
    ['a', [of('a', 'work', 'old'), of('b', 'mover', 'old')], 'start `tributary mover --host a`'],
    [
      'a',
      [of('a', 'mover', 'old')],
      'the mover on host a runs with another file than shards.yaml: bring it there and run `tributary reload`',
    ],
    // One that is just being replaced by one with our file.
    ['a', [of('a', 'mover', 'old'), of('a', 'mover', 'new')], 'start `tributary mover --host a`'],
    ['any', [], 'start `tributary start` or `tributary mover` on any machine'],
    [
      'any',
      [of('a', 'mover', 'old'), of('b', 'mover', 'new')],
      'start `tributary start` or `tributary mover` on any machine',
    ],
    [
      'any',
      [of('b', 'mover', 'old')],
      'the movers that run have another file than shards.yaml: bring it there and run `tributary reload`',
    ],
  ])('the host that should move a shard of host %s, of the hosts %o', (host, running, remedy) => {
    expect(moverRemedy({ shard: 's1', moverHost: host }, { ...ours, running })).toBe(remedy);
  });

  test('a mover that lets go of a shard because its file has the URL from before a move is no other one’s fault', () => {
    const left = { ...of('a', 'mover', 'new'), putsOff: ['shard:s1'] };
    const remedyOf = (shard: string, ...running: HostFile[]) =>
      moverRemedy({ shard, moverHost: 'any' }, { ...ours, running });
    expect(remedyOf('s1', left)).toMatch(/^shards\.yaml leads to a database that it has left .*`shard move`/);
    expect(remedyOf('s2', left)).toMatch(/^start/);
    expect(remedyOf('s1', { ...left, hash: 'old' })).toMatch(/have another file than shards\.yaml/);
    expect(remedyOf('s1', left, of('b', 'mover', 'new'))).toMatch(/^start/);
  });
});
