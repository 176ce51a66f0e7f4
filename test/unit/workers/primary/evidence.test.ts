import { describe, expect, test } from 'vitest';
import {
  evidenceOf,
  outOfMemoryKills,
  suspectOf,
  type WorkerDeath,
} from '../../../../src/workers/primary/slot/evidence.ts';
import { givenFolder, writeFile } from '../../../support/files.ts';

const death = (more: Partial<WorkerDeath>): WorkerDeath => ({
  ...{ code: null, signal: null, killed: undefined, wasOutOfMemory: false },
  ...more,
});

describe('workers/primary/slot/evidence', () => {
  test.each([
    ['an exit code, also 0', death({ code: 0 }), 'certain'],
    ['an exit code', death({ code: 7 }), 'certain'],
    ['an abort', death({ signal: 'SIGABRT' }), 'certain'],
    ['a crash', death({ signal: 'SIGSEGV' }), 'certain'],
    ['silence, which we ended', death({ signal: 'SIGKILL', killed: 'silent' }), 'certain'],
    ['the end of our patience with a drain', death({ signal: 'SIGKILL', killed: 'ours' }), undefined],
    [
      'our own SIGKILL where memory ran out',
      death({ signal: 'SIGKILL', killed: 'ours', wasOutOfMemory: true }),
      undefined,
    ],
    ['kill -9', death({ signal: 'SIGKILL' }), undefined],
    ['kill', death({ signal: 'SIGTERM' }), undefined],
    ['a hangup', death({ signal: 'SIGHUP' }), undefined],
    ['the kernel, out of memory', death({ signal: 'SIGKILL', wasOutOfMemory: true }), 'likely'],
    [
      'SIGKILL where the kernel does not count',
      death({ signal: 'SIGKILL', wasOutOfMemory: undefined }),
      'likely',
    ],
  ])('%s', (_what, one, evidence) => {
    expect(evidenceOf(one)).toBe(evidence);
  });

  test('a death that is no evidence leaves no record, and so does one outside of all calls', () => {
    const call = { token: 9, startTick: 1, endTick: 2, first: 5, last: 5, events: 1 };
    expect(suspectOf(undefined, { call, isRecorded: true, token: 9 })).toBeUndefined();
    expect(suspectOf('certain', { call: undefined, isRecorded: true, token: 9 })).toBeUndefined();
    expect(suspectOf('likely', { call, isRecorded: true, token: 9 })).toEqual({ ...call, isCertain: false });
    expect(suspectOf('certain', { call: undefined, isRecorded: false, token: 9 })).toMatchObject({
      ...{ token: 9, events: 0, isCertain: true },
    });
  });

  test('the kernel’s count of kills for memory is read, and its absence is no error', () => {
    const folder = givenFolder();
    expect(
      outOfMemoryKills(writeFile(folder, 'vmstat', { text: 'nr_free 12\noom_kill 3\nswap_ra 0\n' })),
    ).toBe(3);
    expect(outOfMemoryKills(writeFile(folder, 'other', { text: 'nr_free 12\n' }))).toBeUndefined();
    expect(outOfMemoryKills(`${folder}/none`)).toBeUndefined();
  });
});
