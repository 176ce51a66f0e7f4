import { describe, expect, test } from 'vitest';
import type { CliContext } from '../../src/cli/context.ts';
import { watchLag } from '../../src/cli/lag-watch.ts';
import { TributaryError } from '../../src/errors/tributary-error.ts';
import type { LagReport } from '../../src/observability/lag-report.ts';

const gone = new TributaryError('Central refuses connections.', { code: 'central', kind: 'retryable' });
const report = (n: number): LagReport => ({ at: new Date(n), sources: [], central: [] });

/** Watches reports of `answers` (an error is thrown) until they have run out. */
async function watch(answers: (LagReport | Error)[], { isTTY = false, isJson = false } = {}) {
  const stop = new AbortController();
  const written = { stdout: [] as string[], stderr: [] as string[] };
  const context = {
    signal: stop.signal,
    stdout: { isTTY, write: (text: string) => written.stdout.push(text) },
    stderr: { write: (text: string) => written.stderr.push(text) },
  } as unknown as CliContext;
  const reader = {
    read: async () => {
      const answer = answers.shift();
      if (answers.length === 0) stop.abort();
      if (answer === undefined || answer instanceof Error) throw answer;
      return answer;
    },
  };
  const show = ({ at }: LagReport) => `report ${at.getTime()}\n`;
  const last = await watchLag(reader, { context, live: false, isJson, show, everyMs: 1 });
  return { ...written, last };
}

describe('cli/lag-watch', () => {
  test('elsewhere than on a terminal one block follows the other', async () => {
    const { stdout, last } = await watch([report(1), report(2)]);
    expect(stdout.map((block) => block.replace(/^\S+/, 'at'))).toEqual([
      'at\nreport 1\n\n',
      'at\nreport 2\n\n',
    ]);
    expect(last).toEqual(report(2));
  });

  test('on a terminal the picture is drawn anew', async () => {
    const { stdout } = await watch([report(1)], { isTTY: true });
    expect(stdout[0]?.startsWith('\x1b[H\x1b[2J')).toBe(true);
    expect(stdout[0]?.endsWith('report 1\n')).toBe(true);
  });

  test('a central that goes away meanwhile is said and asked again; at the first look it ends the watch', async () => {
    const { stdout } = await watch([report(1), gone, report(2)]);
    expect(stdout[1]).toContain('Central refuses connections. It is tried again.');
    expect(stdout[2]).toContain('report 2');
    const lines = await watch([report(1), gone], { isJson: true });
    expect(lines).toMatchObject({
      stdout: ['report 1\n'],
      stderr: ['Central refuses connections. It is tried again.\n'],
    });
    await expect(watch([gone])).rejects.toBe(gone);
  });
});
