import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { watchLag } from '../../../src/cli/commands/lag/watch.ts';
import type { CliContext } from '../../../src/cli/context.ts';
import { TributaryError } from '../../../src/errors/tributary-error.ts';
import type { LagReport } from '../../../src/observability/lag/report.ts';

const gone = new TributaryError('Central refuses connections.', { code: 'central', kind: 'retryable' });
const report = (n: number): LagReport => ({ at: new Date(n), sources: [], central: [] });

/** Watches reports of `answers` (an error is thrown) until they have run out. */
async function watch(
  answers: (LagReport | Error)[],
  { isTTY = false, isJson = false, size = {}, picture = undefined as string | undefined, keyboard = {} } = {},
) {
  const stop = new AbortController();
  const written = { stdout: [] as string[], stderr: [] as string[] };
  const streams = {
    stdout: { isTTY, ...size, write: (text: string) => written.stdout.push(text) },
    stderr: { write: (text: string) => written.stderr.push(text) },
  };
  const context = {
    signal: stop.signal,
    stdin: keyboard,
    ...streams,
    raw: streams,
  } as unknown as CliContext;
  const reader = {
    read: async () => {
      const answer = answers.shift();
      if (answers.length === 0) stop.abort();
      if (answer === undefined || answer instanceof Error) throw answer;
      return answer;
    },
  };
  const show = ({ at }: LagReport) => picture ?? `report ${at.getTime()}\n`;
  const last = await watchLag(reader, { context, live: false, isJson, show, everyMs: 1 });
  return { ...written, last };
}

describe('cli/commands/lag/watch', () => {
  test('without a terminal one block follows the other', async () => {
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

  test('a small terminal shows the beginning of the picture, and nothing wraps or scrolls', async () => {
    const picture = Array.from({ length: 30 }, (_, at) => `row ${at} ${'x'.repeat(60)}`).join('\n');
    const { stdout } = await watch([report(1)], { isTTY: true, size: { columns: 40, rows: 12 }, picture });
    const lines = stdout[0]?.replace('\x1b[H\x1b[2J', '').trimEnd().split('\n') ?? [];
    expect(lines).toHaveLength(11);
    expect(lines[2]).toBe(`row 0 ${'x'.repeat(34)}`);
    expect(lines.at(-1)).toBe('…');
  });

  test.each(['q', '\x03'])('the key %j ends it, and gives the keyboard back', async (key) => {
    const modes: boolean[] = [];
    const keyboard = Object.assign(new PassThrough(), {
      isTTY: true,
      setRawMode: (isRaw: boolean) => modes.push(isRaw),
    });
    keyboard.write(key);
    const { last } = await watch(
      Array.from({ length: 1_000 }, (_, at) => report(at)),
      { isTTY: true, keyboard },
    );
    expect(last?.at.getTime()).toBeLessThan(999);
    expect(modes).toEqual([true, false]);
    expect(keyboard.listenerCount('data')).toBe(0);
  });

  test('a central that goes away meanwhile is reported and asked again; at the first look it ends the watch', async () => {
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
